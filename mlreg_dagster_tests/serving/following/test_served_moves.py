"""A real server under load: the alias moves, the registry and bundles break, and no request notices but by its answer.

With MLREG_LONG=1 the proofs run in full: 50 moves of models as large as those of a market.
"""

import http.client
import json
import shutil
import sqlite3
import statistics
import threading
import time
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import numpy as np
import pytest

from mlreg_dagster.registry.registry import Registry
from mlreg_dagster.serving.following.names import Bundle
from mlreg_dagster.serving.scoring.model import load
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.registry.test_audit import sql_past
from mlreg_dagster_tests.serving.following.conftest import VERSIONS
from mlreg_dagster_tests.serving.running import LONG, infer_body, running
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow

CONNECTIONS = 16
MOVES = 50 if LONG else 4
PAUSE_S = 0.0 if LONG else 0.03
"""Of a client between its requests: without it, they ask as often as two cores can answer, however long it takes."""
SEED = 7


@dataclass(frozen=True)
class Seen:
    """One answer, by the clock of the client; `arm` and `change` are of the rollout, `key` is the id of the request."""

    asked_at: float
    answered_at: float
    version: str
    sha256: str
    sequence: int
    scores: tuple[float, ...]
    rows: int
    key: str
    arm: str | None
    change: int | None


@dataclass
class Load:
    """Clients that ask on kept connections until they are told to end."""

    address: tuple[str, int]
    bodies: dict[int, bytes]
    seen: list[Seen] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        rows = list(self.bodies)[number % len(self.bodies)]
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE_S)
        while not self.stopped.is_set():
            asked_at, key = time.monotonic(), uuid4().hex
            try:
                headers = {"X-Request-Id": key}
                connection.request("POST", "/v2/models/champion/infer", self.bodies[rows], headers)
                response = connection.getresponse()
                content = response.read()
                if response.status != 200:
                    raise RuntimeError(f"{response.status} {content[:300]!r}")
                answer = json.loads(content)
                told = answer["parameters"]
                (scores,) = (each["data"] for each in answer["outputs"] if each["name"] == "score")
                self.seen.append(
                    Seen(
                        asked_at,
                        time.monotonic(),
                        answer["model_version"],
                        told["artifact_sha256"],
                        told["alias_sequence"],
                        tuple(scores),
                        rows,
                        key,
                        told.get("arm"),
                        told.get("traffic_sequence"),
                    )
                )
            except Exception as error:  # noqa: BLE001 - any failure counts
                self.failed.append(repr(error))
                connection.close()
            self.stopped.wait(PAUSE_S)
        connection.close()


@pytest.fixture
def rows(deployment) -> dict[int, np.ndarray]:
    """One row, and so many that forests are walked."""
    features = len(_model(deployment, "v1").features)
    rng = np.random.default_rng(SEED)
    return {count: rng.normal(size=(count, features)) for count in (1, 40)}


@pytest.fixture
def expected(deployment, rows) -> dict[tuple[str, int], tuple[float, ...]]:
    """The scores of the rows by each version."""
    models = {version: _model(deployment, version) for version in VERSIONS}
    return {
        (version, count): tuple(model.score(X).tolist())
        for version, model in models.items()
        for count, X in rows.items()
    }


def _model(deployment, version):
    sha256 = deployment.registry.version(version).artifact_sha256
    return load(open_artifacts(str(deployment.home / "artifacts")), Bundle(version, sha256), 16)


def bodies(deployment, rows):
    names = _model(deployment, "v1").features
    return {
        count: json.dumps(infer_body({name: X[:, place].tolist() for place, name in enumerate(names)})).encode()
        for count, X in rows.items()
    }


@pytest.fixture
def environment(deployment):
    """The registry of the deployment, in whichever database."""
    return {"MLREG_REGISTRY": deployment.url}


def require_whole_answers(seen, expected, hashes):
    """Each answer is that of one version, bit for bit, under its hash and its move."""
    for each in seen:
        assert each.sha256 == hashes[each.version]
        assert each.scores == expected[each.version, each.rows]


def test_the_alias_moves_under_load_and_every_answer_is_whole(deployment, rows, expected, environment):
    deployment.promote("v1")
    moves = {1: (0.0, "v1")}
    hashes = {each.version: each.artifact_sha256 for each in deployment.registry.versions()}
    rng = np.random.default_rng(SEED)
    with running(deployment.home, environment=environment) as server:
        with Load(server.address, bodies(deployment, rows)) as load_:
            wait_for(lambda: len(load_.seen) > 20 * CONNECTIONS)
            for number in range(MOVES):
                version = VERSIONS[(number + 1) % len(VERSIONS)]
                deployment.promote(version)
                moves[number + 2] = time.monotonic(), version
                time.sleep(rng.uniform(0.0, 2.0))  # the next one comes before or after this one is followed
            wait_for(lambda: load_.seen[-1].sequence == MOVES + 1)
        newest = server.get("/v2").json()
    assert not load_.failed, load_.failed[:3]
    require_whole_answers(load_.seen, expected, hashes)
    for each in load_.seen:
        assert each.version == moves[each.sequence][1]
    late = []
    for sequence, (moved_at, _) in moves.items():
        older = [each.asked_at - moved_at for each in load_.seen if each.sequence < sequence]
        late.append(max(older, default=0.0))
    spent = [each.answered_at - each.asked_at for each in load_.seen]
    print(
        f"{len(load_.seen)} answers, {MOVES} moves; followed after {statistics.median(late[1:]):.2f} s, at most "
        f"{max(late):.2f} s; answers took {statistics.median(spent) * 1e3:.1f} ms, at most {max(spent) * 1e3:.0f} ms"
    )
    assert newest


def test_what_breaks_is_told_and_the_last_good_model_answers_on(deployment, rows, expected, environment):
    """An SQLite registry is deleted, locked, replaced by an older one, tampered with; a bundle is damaged."""
    if not deployment.url.startswith("sqlite"):
        pytest.skip("what happens to a file")
    file = deployment.home / "registry.db"
    deployment.promote("v1")
    shutil.copy(file, file.with_name("older.db"))
    deployment.promote("v2")
    hashes = {each.version: each.artifact_sha256 for each in deployment.registry.versions()}

    with running(deployment.home, environment=environment) as server:

        def knowledge():
            return httpx.get(f"{server.admin_url}/status", timeout=PATIENCE_S).json()["knowledge"]

        def require_told(words):
            found = wait_for(lambda: (known := knowledge())["problem"] and words in known["problem"] and known)
            assert found["problem_since"]
            assert server.is_ready()
            metadata = server.get("/v2").text
            assert words in metadata or found["problem"][:40] in metadata

        def require_whole(version):
            wait_for(lambda: (known := knowledge())["problem"] is None and not known["not_taken"])
            wait_for(lambda: server.get("/v2/models/champion").json()["versions"] == [version])

        with Load(server.address, bodies(deployment, rows)) as load_:
            wait_for(lambda: len(load_.seen) > CONNECTIONS)
            # deleted
            file.rename(file.with_name("away.db"))
            require_told("There is no registry in")
            file.with_name("away.db").rename(file)
            require_whole("v2")
            # locked
            other = sqlite3.connect(file, isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            require_told("locked")
            other.execute("ROLLBACK")
            other.close()
            require_whole("v2")
            # replaced by an older one, whose champion then moves
            file.rename(file.with_name("newer.db"))
            shutil.copy(file.with_name("older.db"), file)
            Registry(deployment.url)
            deployment.promote("v3")
            require_told("was witnessed")
            file.with_name("newer.db").replace(file)
            require_whole("v2")
            # tampered with
            sql_past(deployment.registry)("UPDATE alias_events SET version = 'v3' WHERE sequence = 2")
            require_told("alias_events 2")
            sql_past(deployment.registry)("UPDATE alias_events SET version = 'v2' WHERE sequence = 2")
            require_whole("v2")
            # a damaged bundle
            graph = deployment.bundle("v3") / "model.onnx"
            content = graph.read_bytes()
            graph.write_bytes(content[:-1])
            deployment.promote("v3")
            noted = wait_for(lambda: knowledge()["not_taken"].get("champion"))
            assert (noted["version"], noted["sequence"]) == ("v3", 3)
            assert "model.onnx" in noted["why"]
            assert server.is_ready()
            graph.write_bytes(content)
            require_whole("v3")
    assert not load_.failed, load_.failed[:3]
    require_whole_answers(load_.seen, expected, hashes)
    assert {each.sequence for each in load_.seen} == {2, 3}
    print(f"{len(load_.seen)} answers, none failed")
