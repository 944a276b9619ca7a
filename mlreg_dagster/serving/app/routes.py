"""What each route of the server answers; what happens to all requests alike is in `application`."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.version import __version__
from mlreg_dagster.serving.answering import Answer, make_answer
from mlreg_dagster.serving.app.application import Endpoint
from mlreg_dagster.serving.app.exchange import Reply, Request
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.refusals import NotReady, UnknownModel, failure_of
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.following.follower import Follower, Served
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.serving.protocols import mlflow, openapi, server_metadata
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.open_inference import reading, writing
from mlreg_dagster.serving.protocols.routing_key import routing_key
from mlreg_dagster.serving.rollout.routing import are_too_far_out, routed
from mlreg_dagster.serving.scoring.model import ServedModel

if TYPE_CHECKING:
    from mlreg_dagster.serving.online.latest import LatestHour
    from mlreg_dagster.serving.rollout.counts import ArmCounter
    from mlreg_dagster.serving.rollout.shadow import ShadowQueue

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_JSON_LENGTH, _ROUTING_KEY = b"inference-header-content-length", b"x-routing-key"
_BINARY, _TEXT = "application/octet-stream", "text/plain; charset=utf-8"
_INLINE_ROWS = 64
"""Fewer rows are scored at once; a thread would cost more than the others wait."""

_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class _Scored:
    """An answer, and what is recorded of its making.

    Attributes:
        answer: The answer.
        asked: The request.
        key: By which it was routed.
    """

    answer: Answer
    asked: Asked
    key: str


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
        counter: Counts what both versions of a rollout do; None: nothing does.
        shadow: Gets what the champion of a rollout answers; None: no candidate scores it.
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
        counter: "ArmCounter | None" = None,
        shadow: "ShadowQueue | None" = None,
    ) -> None:
        self._reasons, self._counter, self._shadow = reasons, counter, shadow
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
        length, most_rows = request.header(_JSON_LENGTH), self._settings.limits.rows
        scored = await self._scored(request, lambda model: reading.read(body, length, model.features, most_rows))
        content, json_length = writing.write(scored.answer, scored.asked)
        self._record(scored, request, "open-inference")
        if json_length is None:
            return Reply(content)
        return Reply(content, media_type=_BINARY, headers=((_JSON_LENGTH, b"%d" % json_length),))

    async def invocations(self, request: Request, body: bytes) -> Reply:
        """Score rows, by MLflow's protocol: by the alias that is served by default, or by a name."""
        kind, most_rows = request.header(b"content-type"), self._settings.limits.rows
        scored = await self._scored(request, lambda model: mlflow.read(body, kind, model.features, most_rows))
        content = mlflow.write(scored.answer)
        self._record(scored, request, "mlflow")
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
        _note_model(request, served)
        return served

    async def _scored(self, request: Request, read: Callable[[ServedModel], Asked]) -> _Scored:
        """Read a request, choose the version that answers, and score by it and nothing else."""
        named = self._served(request)
        sent = read(named.model)
        key = routing_key(request.header(_ROUTING_KEY), sent.instruments, request.id)
        served, asked = routed(named, sent, key)
        _note_model(request, served)
        try:
            answer = await self._answer(request, served, asked)
        except Exception as error:
            await self._count_failure(error, named, sent, served, key)
            raise
        request.rows = len(answer.scores)
        return _Scored(answer, asked, key)

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
            return answer()
        return await self._work.in_thread(answer)

    async def _count_failure(self, error: Exception, named: Served, sent: Asked, served: Served, key: str) -> None:
        """Count a request that failed by the version that was to answer it, and not by its rows."""
        kind = failure_of(error)
        if self._counter is None or served.rollout is None or kind is None:
            return
        may_be_of_rows = kind == "not_finite" and served.arm == "candidate"
        if may_be_of_rows and await self._work.in_thread(lambda: are_too_far_out(named, sent)):
            return
        self._counter.failed(served, key, kind)

    def _record(self, scored: _Scored, request: Request, protocol: str) -> None:
        """Write the line of an answer, before it leaves; then count it, and have it scored by the candidate, too."""
        answer = scored.answer
        if self._log is not None:
            seconds = time.perf_counter() - request.started
            self._log.append(answer, seconds, protocol=protocol, client=request.client)
        if answer.served.rollout is None:
            return
        if self._counter is not None:
            self._counter.answered(
                answer.served,
                scored.key,
                rows=len(answer.scores),
                flagged=int(np.count_nonzero(answer.flags)),
                seconds=time.perf_counter() - request.started,
                cpu_seconds=answer.cpu_seconds,
            )
        if self._shadow is not None:
            self._shadow.offer(answer.served, answer)

    def _require_ready(self) -> None:
        if problems := self._health.problems():
            raise NotReady(" ".join(problems))


def _note_model(request: Request, served: Served) -> None:
    """Note for the metrics which version answers, and in which role."""
    request.version = served.model.version
    request.role = "candidate" if served.arm == "candidate" else served.alias or "version"
