"""What each route of the server answers; what happens to all requests alike is in `application`."""

import re
import time
from typing import TYPE_CHECKING

import msgspec

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.version import __version__
from mlreg_dagster.serving.answering import Answer, make_answer
from mlreg_dagster.serving.app.application import Endpoint
from mlreg_dagster.serving.app.exchange import Reply, Request
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.refusals import NotReady, UnknownModel
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.following.follower import Follower, Served
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.serving.protocols import mlflow, openapi, server_metadata
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.open_inference import reading, writing

if TYPE_CHECKING:
    from mlreg_dagster.serving.online.latest import LatestHour

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_JSON_LENGTH = b"inference-header-content-length"
_BINARY, _TEXT = "application/octet-stream", "text/plain; charset=utf-8"
_INLINE_ROWS = 64
"""Fewer rows are scored at once; a thread would cost more than the others wait."""

_json = msgspec.json.Encoder()


class Routes:
    """The routes, and what they answer from.

    Args:
        follower: What is served.
        latest: The newest hour; None: rows can't be asked for by instrument.
        log: Gets each answer before it leaves; None: nothing does.
        settings: Limits, and the alias that is meant where none is named.
        work: Threads for many rows.
        health: Whether the server is ready.
        reasons: Of outcomes.yaml, so that reasons are those of the hourly job; None: the defaults.
    """

    def __init__(
        self,
        follower: Follower,
        latest: "LatestHour | None",
        log: PredictionLog | None,
        settings: ServingSettings,
        work: Work,
        health: Health,
        reasons: ReasonSettings | None = None,
    ) -> None:
        self._reasons = reasons
        self._follower, self._latest, self._log = follower, latest, log
        self._settings, self._work, self._health = settings, work, health
        self._openapi = openapi.document()

    def endpoints(self) -> list[Endpoint]:
        """All routes, the most asked one first."""
        model = "/v2/models/{name}"
        of_version = f"{model}/versions/{{version}}"
        return [
            Endpoint.at(f"{model}/infer", self.infer, "score", "POST"),
            Endpoint.at("/invocations", self.invocations, "score", "POST"),
            Endpoint.at(f"{of_version}/infer", self.infer, "score", "POST"),
            Endpoint.at("/endpoints/{name}/invocations", self.invocations, "score", "POST"),
            Endpoint.at("/v2/health/live", self.live, None),
            Endpoint.at("/v2/health/ready", self.ready, None),
            Endpoint.at("/ping", self.ping, None),
            Endpoint.at("/version", self.version, "read"),
            Endpoint.at("/v2", self.server, "read"),
            Endpoint.at(f"{model}/ready", self.model_ready, "read"),
            Endpoint.at(f"{of_version}/ready", self.model_ready, "read"),
            Endpoint.at(model, self.model, "read"),
            Endpoint.at(of_version, self.model, "read"),
            Endpoint.at("/openapi.json", self.openapi, "read"),
        ]

    async def infer(self, request: Request, body: bytes) -> Reply:
        """Score rows, by the Open Inference Protocol."""
        served = self._served(request)
        asked = reading.read(body, request.header(_JSON_LENGTH), served.model.features, self._settings.limits.rows)
        answer = await self._answer(request, served, asked)
        content, json_length = writing.write(answer, asked)
        self._record(answer, request, "open-inference")
        if json_length is None:
            return Reply(content)
        return Reply(content, media_type=_BINARY, headers=((_JSON_LENGTH, b"%d" % json_length),))

    async def invocations(self, request: Request, body: bytes) -> Reply:
        """Score rows, by MLflow's protocol: by the alias that is served by default, or by a name."""
        served = self._served(request)
        asked = mlflow.read(body, request.header(b"content-type"), served.model.features, self._settings.limits.rows)
        answer = await self._answer(request, served, asked)
        content = mlflow.write(answer)
        self._record(answer, request, "mlflow")
        return Reply(content)

    async def live(self, request: Request, _: bytes) -> Reply:
        """Whether the process answers."""
        del request
        return Reply(b'{"live":true}')

    async def ready(self, request: Request, _: bytes) -> Reply:
        """Whether the server can answer requests."""
        del request
        self._require_ready()
        return Reply(b'{"ready":true}')

    async def ping(self, request: Request, _: bytes) -> Reply:
        """The same for MLflow's clients."""
        del request
        self._require_ready()
        return Reply(b"\n", media_type=_TEXT)

    async def version(self, request: Request, _: bytes) -> Reply:
        """The release of the server."""
        del request
        return Reply(__version__.encode(), media_type=_TEXT)

    async def server(self, request: Request, _: bytes) -> Reply:
        """What the server is, what it serves, and how old its knowledge is."""
        del request
        return Reply(server_metadata.write(self._follower.names(), self._follower.knowledge()))

    async def model(self, request: Request, _: bytes) -> Reply:
        """What a model takes and answers."""
        return Reply(writing.model_metadata(self._served(request)))

    async def model_ready(self, request: Request, _: bytes) -> Reply:
        """Whether a model is loaded."""
        served = self._served(request)
        return Reply(_json.encode({"name": served.name, "version": served.model.version, "ready": True}))

    async def openapi(self, request: Request, _: bytes) -> Reply:
        """The description of all routes."""
        del request
        return Reply(self._openapi)

    def _served(self, request: Request) -> Served:
        """What a path names now."""
        name = request.path.get("name", self._settings.alias)
        version = request.path.get("version")
        if not _NAME.fullmatch(name) or (version is not None and not _NAME.fullmatch(version)):
            raise UnknownModel("There is no model of this name: it is an alias or a version.")
        served = self._follower.get(name)
        if version is not None and served.model.version != version:
            if served.alias is None:
                raise UnknownModel("A version has no other version: ask for it, or for one of an alias.")
            served = self._follower.get(version)
        request.version, request.role = served.model.version, served.alias or "version"
        return served

    async def _answer(self, request: Request, served: Served, asked: Asked) -> Answer:
        def answer() -> Answer:
            return make_answer(
                served,
                asked,
                self._settings,
                self._latest,
                reason_settings=self._reasons,
                request_id=request.id,
                knowledge_age_seconds=self._health.knowledge_age_seconds(),
            )

        if len(asked) < _INLINE_ROWS and not asked.reasons:
            made = answer()
        else:
            made = await self._work.in_thread(answer)
        request.rows = len(made.scores)
        return made

    def _record(self, answer: Answer, request: Request, protocol: str) -> None:
        """Write the line of an answer, before it leaves."""
        if self._log is not None:
            seconds = time.perf_counter() - request.started
            self._log.append(answer, seconds, protocol=protocol, client=request.client)

    def _require_ready(self) -> None:
        if problems := self._health.problems():
            raise NotReady(" ".join(problems))
