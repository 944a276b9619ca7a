"""The writer of the prediction log: a line before the answer, or no answer."""

import json
import resource
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mlreg_dagster.config.sections.serving import PredictionLogSettings
from mlreg_dagster.serving.log.writer import LogFailed, PredictionLog
from mlreg_dagster.storage.prediction_log import Layout, hours_of
from mlreg_dagster_tests.serving.log.answers import AT, FEATURES, answer
from mlreg_dagster_tests.waiting import wait_for


def log_in(folder: Path, **settings: object) -> PredictionLog:
    defaults = {"slow_seconds": 30.0}  # a busy machine is no fault of the log
    return PredictionLog(folder, PredictionLogSettings.model_validate(defaults | settings))


def lines_in(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.glob("*/*.jsonl")) for line in path.read_bytes().splitlines()]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_line_is_there_when_the_answer_leaves_and_holds_every_row_and_feature(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served")
    given = answer(3, instruments=("bitcoin", "ethereum", "a\nb"))
    log.append(given, 0.004, protocol="open_inference", client="desk")
    (line,) = lines_in(tmp_path / "served")
    assert line["answer_id"] == given.answer_id
    assert line["instruments"] == ["bitcoin", "ethereum", "a\nb"]
    assert line["scores"] == given.scores.tolist()
    assert list(line["features"]) == list(FEATURES)  # type: ignore[call-overload]
    assert line["features"]["change_1h_pct"] == given.X[:, 0].tolist()  # type: ignore[index]
    assert line["features"]["change_24h_pct"] == [None] * 3  # type: ignore[index]
    assert (line["client"], line["protocol"], line["seconds"]) == ("desk", "open_inference", 0.004)
    log.close()


def test_files_and_folders_are_the_owners_alone(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served")
    log.append(answer())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "served").rglob("*")}
    assert {mode for name, mode in modes.items() if name.endswith(".jsonl")} == {0o600}
    assert {mode for name, mode in modes.items() if not name.endswith(".jsonl")} == {0o700}
    log.close()


def test_a_segment_is_sealed_at_its_size_and_says_of_which_hours_it_is(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", segment_bytes=1 << 16)
    for _ in range(80):
        log.append(answer(5))
    layout = Layout(tmp_path / "served")
    sealed = sorted(layout.sealed.iterdir())
    assert sealed
    assert len(list(layout.open.iterdir())) == 1
    assert all(path.stat().st_size <= 1 << 16 for path in sealed)
    assert hours_of(sealed[0]) == [AT.replace(minute=0, second=0, microsecond=0)]
    log.close()
    assert len(lines_in(tmp_path / "served")) == 80
    assert not list(layout.open.iterdir())


def test_a_segment_is_of_one_hour_whatever_the_clock_does(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served")
    late, early = AT.replace(minute=0, second=0), AT - timedelta(days=300)
    for at in (AT, late, late - timedelta(milliseconds=1), AT + timedelta(hours=1), early, early):
        log.append(answer(at=at))
    log.close()
    found = [len(path.read_bytes().splitlines()) for path in sorted(Layout(tmp_path / "served").sealed.iterdir())]
    assert found == [2, 3, 1]


def test_a_segment_is_sealed_at_its_age_though_nobody_asks(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", segment_seconds=0.1)
    log.append(answer())
    layout = Layout(tmp_path / "served")
    wait_for(lambda: list(layout.sealed.iterdir()))
    assert len(list(layout.sealed.iterdir())) == 1
    log.close()
    assert len(list(layout.sealed.iterdir())) == 1


def test_a_log_without_answers_leaves_no_segment(tmp_path: Path) -> None:
    log_in(tmp_path / "served").close()
    assert not list((tmp_path / "served").glob("*/*"))


def test_strict_refuses_what_the_disk_does_not_take_and_takes_the_part_back(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", segment_bytes=1 << 20)
    log.append(answer(20))
    (path,) = (tmp_path / "served" / "open").iterdir()
    size = path.stat().st_size
    with files_of_at_most(size + 100):
        with pytest.raises(LogFailed, match="no answer leaves without its line"):
            log.append(answer(20))
        assert not log.is_healthy()
        assert "the disk is full" in str(log.problem())
    assert [line["record"] for line in lines_in(tmp_path / "served")] == [2]
    assert (log.refused, log.dropped) == (1, 0)
    wait_for(log.is_healthy)  # it tries by itself: a server that is not ready gets no request that would
    log.append(answer())
    log.close()
    assert len(lines_in(tmp_path / "served")) == 2


def test_shed_answers_counts_and_is_unhealthy_above_its_budget(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", on_failure="shed", shed_budget=0.5)
    log.append(answer(20))
    with files_of_at_most(100):
        log.append(answer(20))
        assert log.dropped == 1
        assert log.is_healthy()
        log.append(answer(20))
        assert log.dropped == 2
        assert not log.is_healthy()
    assert len(lines_in(tmp_path / "served")) == 1
    log.close()


def test_strict_takes_a_slow_line_back_for_its_answer_is_refused(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", slow_seconds=1e-9)
    with pytest.raises(LogFailed, match="can't be written"):
        log.append(answer())
    log.close()
    assert not lines_in(tmp_path / "served")


def test_shed_keeps_a_slow_line_and_tries_none_for_a_while(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", on_failure="shed", slow_seconds=1e-9)
    log.append(answer())
    log.append(answer())
    assert (log.written, log.dropped) == (1, 1)
    log.close()
    assert len(lines_in(tmp_path / "served")) == 1


def test_a_folder_that_is_gone_is_noticed_before_an_answer_leaves(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served")
    log.append(answer())
    (tmp_path / "served").rename(tmp_path / "moved")
    with pytest.raises(LogFailed):
        log.append(answer())
    assert not (tmp_path / "served").exists()  # what was mounted there may come back
    (tmp_path / "served").mkdir()
    log.append(answer())
    log.close()
    assert len(lines_in(tmp_path / "served")) == len(lines_in(tmp_path / "moved")) == 1


def test_a_file_that_is_gone_is_followed_by_a_new_one(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served")
    shutil.rmtree(tmp_path / "served" / "open")
    with pytest.raises(LogFailed):
        log.append(answer())
    log.append(answer())
    log.close()
    assert len(lines_in(tmp_path / "served")) == 1


def test_every_line_reaches_the_disk_where_that_is_asked_for(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served", fsync="each")
    log.append(answer())
    log.close()
    assert len(lines_in(tmp_path / "served")) == 1


def test_after_its_end_no_answer_leaves(tmp_path: Path) -> None:
    log = log_in(tmp_path / "served")
    log.close()
    with pytest.raises(LogFailed, match="can't be written"):
        log.append(answer())
