"""The web application: addresses, who may look, and headers; what pages say is made in `answer`."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mlreg_dagster.evidence.templating import render
from mlreg_dagster.pages.access import Access, Refused
from mlreg_dagster.pages.answer import Answering, Asked
from mlreg_dagster.pages.page import Page

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "vary": "HX-Request",
}
_STATIC = {
    "htmx-2.0.11.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_ALLOWED = ("GET", "HEAD")
_ACCESS = logging.getLogger("mlreg_dagster.pages.access")

Handler = Callable[[Request], Awaitable[Response]]


def make_app(answering: Answering, pages: Sequence[Page], access: Access, more: Sequence[Route] = ()) -> "Guarded":
    """The application.

    Args:
        answering: Makes the answers.
        pages: All pages; each has its address and that of its twin.
        access: Who may look.
        more: Routes of pages that are no documents, such as pictures.
    """
    twins = [Route(page.twin, _handler(answering, page, is_json=True)) for page in pages]
    documents = [Route(page.path, _handler(answering, page, is_json=False)) for page in pages]
    own = [Route("/health", _health), Route("/static/{name}", _static), Route("/favicon.ico", _icon)]
    routes = [*own, *more, *twins, *documents]
    return Guarded(Starlette(routes=routes, exception_handlers={404: _not_there(answering)}), access)


class Guarded:
    """Answers GET and HEAD alone, from those who may look, with headers that keep a browser from anything else.

    Args:
        app: Makes the answers.
        access: Who may look.
    """

    def __init__(self, app: Starlette, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:  # type: ignore[type-arg]
        """Answer one request."""
        if scope["type"] != "http":
            return
        refused = self._refused(Request(scope))
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send))

    def _refused(self, request: Request) -> Response | None:
        if request.method not in _ALLOWED:
            allow = {"allow": ", ".join(_ALLOWED), **_HEADERS}
            return PlainTextResponse("These pages are only read.\n", 405, allow)
        looked = self._access.look(request.headers, request.client.host if request.client else None)
        if isinstance(looked, Refused) and request.url.path != "/health":
            return PlainTextResponse(f"{looked.sentence}\n", looked.status, {**_HEADERS, **looked.headers})
        request.state.viewer = looked if isinstance(looked, str) else None
        return None


def _handler(answering: Answering, page: Page, *, is_json: bool) -> Handler:
    async def handle(request: Request) -> Response:
        asked = Asked(
            request.url.path.removesuffix(".json") if is_json else request.url.path,
            request.path_params,
            dict(request.query_params),
            request.headers.get("hx-request") == "true",
            is_json,
            request.state.viewer,
        )
        answer = await run_in_threadpool(answering.answer, page, asked)
        _ACCESS.info("%s %d", page.path, answer.status)
        if is_json:
            return Response(answer.text, answer.status, media_type="application/json")
        return HTMLResponse(answer.text, answer.status)

    return handle


def _not_there(answering: Answering) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, _: Exception) -> Response:
        asked = Asked(request.url.path, {}, {}, request.headers.get("hx-request") == "true")
        answer = answering.not_there(asked)
        return HTMLResponse(answer.text, answer.status)

    return handle


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "up"})


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    cached = {"cache-control": "public, max-age=3600"}
    if name == "pages.css":
        return Response(_style(), media_type="text/css", headers=cached)
    if name not in _STATIC:
        return PlainTextResponse("There is no such file.\n", 404)
    return Response(_file(name).read_bytes(), media_type=_STATIC[name], headers=cached)


async def _icon(_: Request) -> Response:
    return Response(_file("icon.svg").read_bytes(), media_type=_STATIC["icon.svg"])


def _style() -> str:
    return render("style.css.jinja") + _file("pages.css").read_text(encoding="utf-8")


def _file(name: str) -> Traversable:
    return files("mlreg_dagster.pages").joinpath("static", name)


def _with_headers(send: Callable) -> Callable:  # type: ignore[type-arg]
    """Adds the headers that every answer has; those that an answer sets itself stay."""

    async def sent(message: dict) -> None:  # type: ignore[type-arg]
        if message["type"] == "http.response.start":
            there = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in there),
            ]
        await send(message)

    return sent
