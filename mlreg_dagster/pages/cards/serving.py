"""Serves a picture at an address of its own, so that pages stay small; a browser shows it as an image alone."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import NotAnHour
from mlreg_dagster.core.untrusted.pictures import NotShown, picture_in
from mlreg_dagster.operations.branches.finding import UnknownBranch
from mlreg_dagster.pages.answer import asked_time
from mlreg_dagster.pages.cards.facts import drawn_under
from mlreg_dagster.pages.homes import Homes
from mlreg_dagster.pages.page import NotThere

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "cache-control": "private, max-age=3600",
}
_STATUS = {NotThere: 404, NotShown: 404, UnknownBranch: 404, NotAnHour: 400}
_UNAVAILABLE = 503


def picture_route(homes: Homes) -> Route:
    """The address of a picture: `/cards/<asset>/picture`, with label, partition and run in the query."""

    async def handle(request: Request) -> Response:
        return await run_in_threadpool(_answer, homes, request)

    return Route("/cards/{asset}/picture", handle)


def _answer(homes: Homes, request: Request) -> Response:
    query = request.query_params
    try:
        opened = homes.of(query.get("branch") or None)
        facts = opened.dagster(asked_time(query.get("as_of")))
        picture = picture_in(drawn_under(facts, request.path_params["asset"], query).markdown)
    except MlregError as error:
        return PlainTextResponse(f"{error}\n", _STATUS.get(type(error), _UNAVAILABLE))
    return Response(picture.content, media_type=picture.media_type, headers=_HEADERS)
