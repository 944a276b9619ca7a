"""How a request for scores is answered: by which version, in which thread, and what is recorded of it.

Routes, and the form of requests and answers, are in `routes`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.serving.answering import Answer, make_answer
from mlreg_dagster.serving.app.exchange import Request
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.refusals import failure_of
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.following.follower import Served
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.routing_key import routing_key
from mlreg_dagster.serving.rollout.routing import are_too_far_out, routed
from mlreg_dagster.serving.scoring.model import ServedModel

if TYPE_CHECKING:
    from mlreg_dagster.serving.online.latest import LatestHour
    from mlreg_dagster.serving.rollout.counts import ArmCounter
    from mlreg_dagster.serving.rollout.shadow import ShadowQueue

_ROUTING_KEY = b"x-routing-key"
_INLINE_ROWS = 64
"""Fewer rows are scored on the event loop: a thread would cost more than other requests wait."""


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer, with what is recorded beside it.

    Attributes:
        answer: The answer.
        asked: The request.
        key: By which it was routed.
    """

    answer: Answer
    asked: Asked
    key: str


class Scoring:
    """Scores requests and records the answers.

    Args:
        latest: The newest hour; None: rows can't be asked for by instrument.
        log: Gets each answer before it leaves; None: nothing does.
        settings: serving.yaml.
        work: Threads for many rows.
        health: How old the knowledge of the registry is.
        reasons: Of outcomes.yaml, so that reasons are those of the hourly job; None: the defaults.
        counter: Counts what both versions of a rollout do; None: nothing does.
        shadow: Gets what the champion of a rollout answers; None: no candidate scores it.
    """

    def __init__(
        self,
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
        self._latest, self._log = latest, log
        self._settings, self._work, self._health = settings, work, health

    async def score(self, request: Request, named: Served, read: Callable[[ServedModel], Asked]) -> Scored:
        """Read a request, choose the version that answers, and score by it and nothing else.

        Args:
            request: The request; what answers it is noted in it.
            named: What its path names now.
            read: Reads its body, with the features of a version.
        """
        sent = read(named.model)
        key = routing_key(request.header(_ROUTING_KEY), sent.instruments, request.id)
        served, asked = routed(named, sent, key)
        note_model(request, served)
        try:
            answer = await self._answer(request, served, asked)
        except Exception as error:
            await self._count_failure(error, named, sent, served, key)
            raise
        request.rows = len(answer.scores)
        return Scored(answer, asked, key)

    def record(self, scored: Scored, request: Request, protocol: str) -> None:
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


def note_model(request: Request, served: Served) -> None:
    """Note for the metrics which version answers, and in which role."""
    request.version = served.model.version
    request.role = "candidate" if served.arm == "candidate" else served.alias or "version"
