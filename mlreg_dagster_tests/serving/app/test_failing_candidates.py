"""A version of a rollout that fails: the request fails with it, and is counted against it, and against no other."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from mlreg_dagster.config.sections.serving import LimitSettings, ServingSettings
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.serving.app.application import Application
from mlreg_dagster.serving.app.exchange import Intake
from mlreg_dagster.serving.app.keys import Keyring
from mlreg_dagster.serving.app.refusals import AnswerTooLate
from mlreg_dagster.serving.app.routes import Routes
from mlreg_dagster.serving.app.scoring import Scoring
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.log.writer import LogFailed
from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.online.latest import StaleHour
from mlreg_dagster.serving.rollout.counts import ArmCounter
from mlreg_dagster.serving.scoring.model import NoFiniteScore
from mlreg_dagster.serving.tracing import Tracing
from mlreg_dagster.storage.rollout_counts import CountedPeriod, read_counts
from mlreg_dagster_tests.serving.rollout.splits import FEATURES, SETTINGS, Model, served
from mlreg_dagster_tests.serving.running import infer_body

INFER = "/v2/models/champion/infer"
BODY = json.dumps(infer_body({name: [1.0] for name in FEATURES})).encode()


class Version(Model):
    """A version that fails as it is told to."""

    sha256 = "ab" * 32
    error: Exception | None = None

    def score(self, X: Any) -> Any:
        scores = super().score(X)
        if self.error is not None:
            raise self.error
        return scores

    def quantile_of(self, scores: Any) -> Any:
        return np.full(len(scores), 0.5)


class Log:
    """A prediction log that can't be written where it is told so."""

    error: Exception | None = None
    written = dropped = 0

    def append(self, *_: Any, **__: Any) -> None:
        if self.error is not None:
            raise self.error


class Server:
    """The routes of a server in this process, on a rollout of v8 against v7."""

    def __init__(self, home: Path) -> None:
        self.champion, self.candidate, self.log = Version("v7"), Version("v8"), Log()
        self.home, self.metrics = home, ServerMetrics()
        self.weight(0)
        limits, log, settings = LimitSettings(), self.log, ServingSettings()
        nothing: Any = SimpleNamespace(knowledge_age_seconds=lambda: 0.0, get=lambda _: self.served)
        self.counter = ArmCounter(home, SETTINGS, lambda: [self.served], self.metrics)
        work = Work(limits)
        scoring = Scoring(None, log, settings, work, nothing, counter=self.counter)  # type: ignore[arg-type]
        routes = Routes(nothing, scoring, settings, nothing)
        self.application = Application(
            routes.endpoints(), Keyring(None), Intake(limits), work, self.metrics, Tracing(None)
        )

    def weight(self, weight: int) -> None:
        found = served("champion", candidate=self.candidate, weight=weight)
        self.served = replace(found, model=self.champion)

    def ask(self, *bodies: bytes) -> list[int]:
        async def ask() -> list[int]:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return [(await client.post(INFER, content=body)).status_code for body in bodies]

        return asyncio.run(ask())

    def counted(self) -> CountedPeriod:
        self.counter.close()
        (period,) = read_counts(self.home, "champion", 4).periods
        return period


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


OWN: dict[str, tuple[Callable[[], Exception], int, str]] = {
    "a defect": (lambda: ZeroDivisionError("secret"), 500, "errors"),
    "too slow": (lambda: AnswerTooLate("No answer could be made within 30 s."), 503, "errors"),
    "made of other features": (lambda: OtherFeatureSettings("It learned from others."), 409, "errors"),
    "no finite score": (lambda: NoFiniteScore("1 of 1 rows lie too far out."), 400, "not_finite"),
}


@pytest.mark.parametrize(("error", "status", "count"), OWN.values(), ids=OWN)
def test_a_candidate_that_fails_is_no_answer_by_the_champion(server, error, status, count) -> None:
    server.weight(10_000)
    server.candidate.error = error()
    assert server.ask(BODY, BODY) == [status, status]
    counted = server.counted()
    assert (counted.candidate.requests, getattr(counted.candidate, count)) == (2, 2)
    assert counted.candidate.errors + counted.candidate.not_finite == 2
    assert counted.champion.requests == 0
    assert not server.champion.seen or count == "not_finite", "it is asked whether the rows are to blame"
    label = f'role="candidate",route="/v2/models/{{name}}/infer",status="{status}",version="v8"'
    assert label in server.metrics.exposition().decode()


def test_rows_that_the_champion_can_not_score_either_count_against_no_version(server) -> None:
    server.weight(10_000)
    server.candidate.error = server.champion.error = NoFiniteScore("1 of 1 rows lie too far out.")
    assert server.ask(BODY, BODY) == [400, 400]
    server.candidate.error = server.champion.error = None
    assert server.ask(BODY) == [200]
    assert server.counted().candidate.not_finite == 0


def test_a_champion_that_fails_is_counted_for_itself(server) -> None:
    server.champion.error = ZeroDivisionError()
    assert server.ask(BODY) == [500]
    counted = server.counted()
    assert (counted.champion.errors, counted.candidate.requests) == (1, 0)
    assert not server.candidate.seen


def test_what_the_client_or_the_server_does_wrong_counts_against_no_version(server) -> None:
    server.weight(10_000)
    assert server.ask(b"{", json.dumps(infer_body({"other": [1.0]})).encode()) == [400, 400]
    server.log.error = LogFailed("The disk is full.")
    assert server.ask(BODY) == [503]
    server.log.error, server.candidate.error = None, StaleHour("The newest hour is old.")
    assert server.ask(BODY) == [503]
    server.candidate.error = None
    assert server.ask(BODY) == [200]
    counted = server.counted()
    assert (counted.candidate.requests, counted.candidate.rows) == (1, 1)
    assert (counted.candidate.errors, counted.candidate.not_finite, counted.champion.requests) == (0, 0, 0)


def test_rows_that_no_version_can_score_count_against_none(server) -> None:
    server.weight(10_000)
    server.candidate.error = server.champion.error = NoFiniteScore("1 of 1 rows lie too far out.")
    assert server.ask(BODY) == [400]
    server.candidate.error = None
    assert server.ask(BODY) == [200]
    counted = server.counted()
    assert (counted.candidate.requests, counted.candidate.not_finite) == (1, 0)


def test_an_answer_is_counted_with_its_rows_flags_key_and_time(server) -> None:
    server.weight(10_000)
    body = infer_body({name: [1.0, 100.0, 100.0] for name in FEATURES})
    assert server.ask(json.dumps(body).encode()) == [200]
    counted = server.counted().candidate
    assert (counted.requests, counted.rows, counted.flagged, len(counted.keys)) == (1, 3, 2, 1)
    assert counted.cpu_seconds > 0
