"""The writer of counts: a line every few seconds, nothing lost while it lives, and no answer that waits for it."""

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlreg_dagster.serving.following.names import Served
from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.rollout.counts import ArmCounter
from mlreg_dagster.storage.rollout_counts import Counted, counts_folder, line_of, read_counts
from mlreg_dagster_tests.serving.rollout.splits import SETTINGS, served
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

ANSWER = {"rows": 3, "flagged": 1, "seconds": 0.01, "cpu_seconds": 0.001}


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is counted is of one minute: the lines of one are read as one period."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 11, 26, 12, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr("mlreg_dagster.serving.rollout.counts.datetime", Clock)


def counter(home: Path, follows: Sequence[Served] | None = None, log: Any = None) -> ArmCounter:
    names = [served()] if follows is None else follows
    return ArmCounter(home, SETTINGS, lambda: names, ServerMetrics(), log)


def found(home: Path) -> Counted:
    return read_counts(home, "champion", 4)


def requests(home: Path) -> tuple[int, ...]:
    """Of the champion, the candidate, and its shadow."""
    periods = found(home).periods
    return tuple(sum(getattr(each, arm).requests for each in periods) for arm in ("champion", "candidate", "shadow"))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_each_version_is_counted_for_itself(tmp_path: Path) -> None:
    counts = counter(tmp_path)
    counts.answered(served("champion"), "bitcoin", **ANSWER)
    counts.answered(served("candidate"), "ethereum", **ANSWER)
    counts.answered(served(None), "solana", **ANSWER)
    counts.failed(served("candidate"), "ethereum", "error")
    counts.failed(served("candidate"), "ethereum", "not_finite")
    counts.shadowed(served(), **ANSWER)
    counts.shadow_failed(served(), "not_finite")
    counts.shadow_dropped(served())
    counts.close()
    (period,) = found(tmp_path).periods
    champion, candidate, shadow = period.champion, period.candidate, period.shadow
    assert (champion.requests, champion.rows, champion.flagged, len(champion.keys)) == (2, 6, 2, 2)
    assert (candidate.requests, candidate.rows, candidate.errors, candidate.not_finite) == (3, 3, 1, 1)
    assert (shadow.requests, shadow.rows, shadow.not_finite, period.shadow_dropped) == (2, 3, 1, 1)
    assert (period.process, period.sequence, period.unloadable) == (counts.process, 5, None)


def test_without_a_rollout_nothing_is_counted_or_written(tmp_path: Path) -> None:
    alone = replace(served(), rollout=None, arm=None)
    counts = counter(tmp_path, [alone])
    counts.answered(alone, "bitcoin", **ANSWER)
    counts.answered(replace(served(), alias=None), "bitcoin", **ANSWER)
    counts.failed(alone, "bitcoin", "error")
    counts.shadow_dropped(alone)
    counts.close()
    assert not list(tmp_path.iterdir())


def test_a_server_without_requests_is_heard_while_the_rollout_is_open(tmp_path: Path) -> None:
    follows = [served(unloadable="v8 can't be loaded.")]
    counts = counter(tmp_path, follows)
    counts.start()
    (path,) = wait_for(lambda: list(counts_folder(tmp_path, "champion", 4).glob("*")))
    wait_for(lambda: path.read_bytes().count(b"\n") >= 3)
    follows[:] = [replace(served(), rollout=None)]
    counts.flush()
    size = path.stat().st_size
    counts.flush()
    counts.close()
    assert path.stat().st_size == size
    assert {each.unloadable for each in found(tmp_path).periods} == {"v8 can't be loaded."}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("one_minute")
def test_a_start_is_told_once_where_the_process_begins_while_the_rollout_is_open(tmp_path: Path) -> None:
    counts, follows = counter(tmp_path / "restarted"), [replace(served(), rollout=None)]
    for _ in range(3):
        counts.flush()
    counts.close()
    assert [each.started for each in found(tmp_path / "restarted").periods] == [True]
    counts = counter(tmp_path / "older", follows)
    counts.flush()
    follows[:] = [served()]
    counts.close()
    assert [each.started for each in found(tmp_path / "older").periods] == [False]


def test_a_server_that_dies_early_has_told_that_it_began(tmp_path: Path) -> None:
    follows: list[Served] = []
    slow = SETTINGS.model_copy(update={"flush_seconds": 60.0})
    counts = ArmCounter(tmp_path, slow, lambda: follows, ServerMetrics())
    counts.start()
    follows.append(served())
    wait_for(lambda: found(tmp_path).periods)
    assert found(tmp_path).periods[0].started
    counts.close()


def test_a_late_answer_is_counted_for_the_split_that_it_was_assigned_by(tmp_path: Path) -> None:
    follows = [served()]
    counts = counter(tmp_path, follows)
    counts.flush()
    follows[:] = [served(sequence=6)]
    counts.flush()
    counts.answered(served(sequence=5), "bitcoin", **ANSWER)
    counts.answered(served(sequence=6), "bitcoin", **ANSWER)
    counts.close()
    by_sequence = {5: 0, 6: 0}
    for each in found(tmp_path).periods:
        by_sequence[each.sequence] += each.champion.requests
        assert len(each.champion.keys) == each.champion.requests
    assert by_sequence == {5: 1, 6: 1}


@pytest.mark.usefixtures("one_minute")
def test_answers_and_lost_lines_of_the_process_are_those_of_each_period(tmp_path: Path) -> None:
    log = SimpleNamespace(written=100, dropped=7)
    counts = counter(tmp_path, log=log)
    counts.flush()
    log.written, log.dropped = 110, 8
    counts.close()
    (period,) = found(tmp_path).periods
    assert (period.answers, period.log_dropped) == (118, 8)


@pytest.mark.parametrize("allowed", [0, 100])
def test_a_full_disk_is_told_and_loses_no_count(tmp_path: Path, allowed: int, caplog: pytest.LogCaptureFixture) -> None:
    counts = counter(tmp_path)
    counts.answered(served(), "bitcoin", **ANSWER)
    counts.flush()
    (path,) = counts_folder(tmp_path, "champion", 4).iterdir()
    with files_of_at_most(path.stat().st_size + allowed):
        for _ in range(3):
            counts.answered(served("candidate"), "ethereum", **ANSWER)
            counts.failed(served("candidate"), "ethereum", "error")
            counts.flush()
        assert "the disk is full" in str(counts.problem()) or "no room" in str(counts.problem())
        assert b"mlreg_server_rollout_counts_problem 1.0" in counts._metrics.exposition()
    assert sum("can't be written" in record.message for record in caplog.records) == 1
    counts.flush()
    assert counts.problem() is None
    assert b"mlreg_server_rollout_counts_problem 0.0" in counts._metrics.exposition()
    counts.close()
    assert requests(tmp_path) == (1, 6, 0)
    assert frozenset().union(*(each.candidate.keys for each in found(tmp_path).periods))
    assert found(tmp_path).torn == 0


def test_a_file_where_the_folder_belongs_is_told(tmp_path: Path) -> None:
    (tmp_path / "served").write_text("x")
    counts = counter(tmp_path)
    counts.answered(served(), "bitcoin", **ANSWER)
    counts.flush()
    assert str(tmp_path / "served") in str(counts.problem())
    counts.close()


def test_a_torn_line_does_not_spoil_the_one_after_it(tmp_path: Path) -> None:
    counts = counter(tmp_path)
    counts.answered(served(), "bitcoin", **ANSWER)
    counts.flush()
    (path,) = counts_folder(tmp_path, "champion", 4).iterdir()
    path.write_bytes(path.read_bytes() + line_of(found(tmp_path).periods[0])[:50])
    counts.answered(served(), "bitcoin", **ANSWER)
    counts.close()
    assert requests(tmp_path) == (2, 0, 0)
    assert found(tmp_path).torn == 1


def test_a_disk_that_hangs_holds_up_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, writes = threading.Event(), threading.Event()
    write: Callable[[int, bytes], int] = os.write

    def hanging(descriptor: int, content: bytes) -> int:
        writes.set()
        go_on.wait(PATIENCE_S)
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", hanging)
    counts = counter(tmp_path)
    counts.start()
    assert writes.wait(PATIENCE_S)
    began = time.monotonic()
    for _ in range(100):
        counts.answered(served(), "bitcoin", **ANSWER)
    assert time.monotonic() - began < PATIENCE_S / 2  # one that waited for the disk would wait as long as that does
    go_on.set()
    counts.close()
    assert requests(tmp_path) == (100, 0, 0)


def test_threads_lose_no_count_while_lines_are_written(tmp_path: Path) -> None:
    counts = counter(tmp_path)
    counts.start()

    def ask(arm: str) -> None:
        for number in range(2000):
            counts.answered(served(arm), str(number), **ANSWER)

    arms = ("champion", "candidate", "champion", "candidate")
    threads = [threading.Thread(target=ask, args=(arm,)) for arm in arms]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    counts.close()
    assert requests(tmp_path) == (4000, 4000, 0)


def test_a_clock_that_is_put_back_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        """Goes back by a minute each time it is asked."""

        at = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            cls.at -= 60
            return datetime.fromtimestamp(cls.at, tz)

    monkeypatch.setattr("mlreg_dagster.serving.rollout.counts.datetime", Clock)
    counts = counter(tmp_path)
    for _ in range(5):
        counts.answered(served(), "bitcoin", **ANSWER)
        counts.flush()
    counts.close()
    assert requests(tmp_path) == (5, 0, 0)
    assert sum(each.champion.seconds for each in found(tmp_path).periods) >= 1


def test_counting_costs_microseconds(tmp_path: Path) -> None:
    counts, follows = counter(tmp_path), served()

    def microseconds() -> float:
        began = time.process_time()
        for number in range(5000):
            counts.answered(follows, str(number), **ANSWER)
        return (time.process_time() - began) / 5000 * 1e6

    assert min(microseconds() for _ in range(5)) < 3 * 10  # 2 on a quiet machine


def _write(home: Path, requests_in_all: int, told: Any) -> None:
    """Count and write, ten requests a line."""
    counts, follows = counter(home), served()
    for number in range(requests_in_all // 10):
        for _ in range(10):
            counts.answered(follows, str(number), **ANSWER)
        counts.flush()
        told.value = 10 * (number + 1)


def test_two_processes_write_side_by_side_and_a_killed_one_loses_at_most_a_line(tmp_path: Path) -> None:
    forks = multiprocessing.get_context("fork")
    told = [forks.Value("q", 0), forks.Value("q", 0)]
    killed = forks.Process(target=_write, args=(tmp_path, 1 << 40, told[0]))
    ended = forks.Process(target=_write, args=(tmp_path, 3000, told[1]))
    killed.start()
    ended.start()
    wait_for(lambda: told[0].value >= 2000)
    killed.kill()
    for each in (killed, ended):
        each.join(PATIENCE_S)
    counted = found(tmp_path)
    by_process: dict[str, int] = {}
    for each in counted.periods:
        by_process[each.process] = by_process.get(each.process, 0) + each.champion.requests
    assert counted.torn <= 1
    assert counted.foreign == 0
    assert len(by_process) == 2
    assert 3000 in by_process.values()
    assert told[0].value <= sum(by_process.values()) - 3000 <= told[0].value + 10
    assert sum(each.started for each in counted.periods) == 2
