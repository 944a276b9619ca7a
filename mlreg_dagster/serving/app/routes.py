"""What each route of the server answers; what happens to all requests alike is in `application`."""

import re
from dataclasses import replace

import msgspec

from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.version import __version__
from mlreg_dagster.serving.app.application import Endpoint
from mlreg_dagster.serving.app.exchange import Reply, Request
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.refusals import NotReady, UnknownModel
from mlreg_dagster.serving.app.scoring import Scoring, note_model
from mlreg_dagster.serving.following.follower import Follower, Served
from mlreg_dagster.serving.protocols import mlflow, openapi, server_metadata
from mlreg_dagster.serving.protocols.open_inference import reading, writing

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_JSON_LENGTH = b"inference-header-content-length"
_BINARY, _TEXT = "application/octet-stream", "text/plain; charset=utf-8"

_json = msgspec.json.Encoder()


class Routes:
    """The routes, and what they answer from.

    Args:
        follower: What is served.
        scoring: Answers requests for scores.
        settings: Limits, and the alias that is meant where none is named.
        health: Whether the server is ready.
    """

    def __init__(self, follower: Follower, scoring: Scoring, settings: ServingSettings, health: Health) -> None:
        self._follower, self._scoring, self._settings, self._health = follower, scoring, settings, health
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
        length, most_rows = request.header(_JSON_LENGTH), self._settings.limits.rows
        scored = await self._scoring.score(
            request, self._served(request), lambda model: reading.read(body, length, model.features, most_rows)
        )
        content, json_length = writing.write(scored.answer, scored.asked)
        self._scoring.record(scored, request, "open-inference")
        if json_length is None:
            return Reply(content)
        return Reply(content, media_type=_BINARY, headers=((_JSON_LENGTH, b"%d" % json_length),))

    async def invocations(self, request: Request, body: bytes) -> Reply:
        """Score rows, by MLflow's protocol: by the alias that is served by default, or by a name."""
        kind, most_rows = request.header(b"content-type"), self._settings.limits.rows
        scored = await self._scoring.score(
            request, self._served(request), lambda model: mlflow.read(body, kind, model.features, most_rows)
        )
        content = mlflow.write(scored.answer)
        self._scoring.record(scored, request, "mlflow")
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
        if version is not None:
            if served.model.version == version:
                served = replace(served, rollout=None, arm=None)  # it has to be this one
            elif served.alias is None:
                raise UnknownModel("A version has no other version: ask for it, or for one of an alias.")
            else:
                served = self._follower.get(version)
        note_model(request, served)
        return served

    def _require_ready(self) -> None:
        if problems := self._health.problems():
            raise NotReady(" ".join(problems))
