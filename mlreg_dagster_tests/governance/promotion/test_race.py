"""Many processes that promote and roll back at once, round after round, on SQLite and on PostgreSQL.

MLREG_RACE=64x100 has 64 processes race 100 times, as once before a release; by default a few do, a few times.
"""

import multiprocessing
import os
from itertools import pairwise
from queue import Queue
from threading import Barrier
from typing import Any

import pandas as pd
import pytest

from mlreg_dagster.registry import AliasConflict, Attribution, Registry
from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register
from mlreg_dagster_tests.registry.conftest import registry_url

pytestmark = pytest.mark.slow

__all__ = ["postgres_server", "postgres_url", "registry_url"]

PROCESSES, ROUNDS = (int(word) for word in os.environ.get("MLREG_RACE", "8x5").split("x"))
VERSIONS = [f"v{number}" for number in range(1, 6)]
WAIT_S = 600


def racer(number: int, url: str, barrier: Barrier, results: "Queue[Any]") -> None:
    registry = Registry(url)
    for round_ in range(ROUNDS):
        barrier.wait(WAIT_S)
        history = registry.history("champion")
        holder = history[-1].version
        back = history[-2].version if len(history) > 1 else None
        wanted = (
            back if number % 2 and back else next(each for each in VERSIONS[number % 5 :] + VERSIONS if each != holder)
        )
        barrier.wait(WAIT_S)  # all have seen the same holder
        now = NOW + pd.Timedelta(minutes=round_ + 1)
        try:
            registry.move_alias("champion", wanted, Attribution(f"racer {number}", now, "faster"), expected=holder)
            results.put((round_, number, wanted, ""))
        except AliasConflict as error:
            results.put((round_, number, wanted, str(error)))


def test_one_wins_each_round_and_the_others_are_told_who(registry_url):
    registry = Registry(registry_url)
    for version in VERSIONS:
        register(registry, version)
        evaluate(registry, version)
    move(registry, "v1", None, NOW, actor="starter")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "psycopg"])
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=racer, args=(number, registry_url, barrier, results), daemon=True)
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    told = pd.DataFrame([results.get(timeout=WAIT_S) for _ in range(PROCESSES * ROUNDS)])
    told.columns = ["round", "racer", "wanted", "error"]
    for process in processes:
        process.join(WAIT_S)
        assert process.exitcode == 0

    history = registry.history("champion")
    assert [event.sequence for event in history] == list(range(1, ROUNDS + 2))
    assert all(later.previous_version == earlier.version for earlier, later in pairwise(history))
    assert registry.find_tampering() is None
    for round_, attempts in told.groupby("round"):
        (winner,) = attempts[attempts["error"] == ""].itertuples()
        event = history[round_ + 1]
        assert (event.actor, event.version) == (f"racer {winner.racer}", winner.wanted)
        for error in attempts.loc[attempts["error"] != "", "error"]:
            assert f"but {winner.wanted} holds it since" in error
            assert f"requested by racer {winner.racer} " in error
