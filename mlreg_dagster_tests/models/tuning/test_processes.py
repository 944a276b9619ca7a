"""Processes at one study: what keeps others out, and what is said of those that could not go on."""

import time

import pytest

from mlreg_dagster.models.tuning import processes
from mlreg_dagster.models.tuning.processes import StudyBusy, TuningFailed, alone_at, run_workers
from mlreg_dagster.models.tuning.worker import LOCK

WAITING = """
import sys, pathlib
folder, number = pathlib.Path(sys.argv[1]), sys.argv[3]
(folder / f"threads-{number}.txt").write_text(__import__("os").environ["OMP_NUM_THREADS"])
if number == "1":
    (folder / "error-1.txt").write_text("params.n_neighbors is too large.")
    sys.exit(1)
sys.stdin.read()
"""


def test_a_study_has_one_command_at_a_time(tmp_path):
    with alone_at(tmp_path / "trees"):
        with pytest.raises(StudyBusy, match="Another command works at study trees"), alone_at(tmp_path / "trees"):
            pass
        with alone_at(tmp_path / "others"):
            pass
    with alone_at(tmp_path / "trees"):
        pass


def test_a_process_that_lost_its_parent_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_ORPHANS_END_WITHIN_S", 0.01)
    folder = tmp_path / "trees"
    folder.mkdir()
    told = r"lost its parent goes on: worker-0\.lock"
    with processes.FileLock(folder / LOCK.format(0)), pytest.raises(StudyBusy, match=told), alone_at(folder):
        pass
    with alone_at(folder):  # it has ended, and the refusal kept nothing
        pass


def test_where_one_can_not_go_on_all_are_ended_and_its_reason_is_said(tmp_path, monkeypatch):
    (tmp_path / "a_worker.py").write_text(WAITING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(processes, "_MODULE", "a_worker")
    monkeypatch.setattr(processes.os, "cpu_count", lambda: 7)
    folder = tmp_path / "trees"
    folder.mkdir()
    (folder / "error-0.txt").write_text("of the run before")
    begun = time.monotonic()
    with pytest.raises(TuningFailed, match=r"^params\.n_neighbors is too large\.$"):
        run_workers(folder, tmp_path / "studies.sqlite", 2, 5, None)
    assert time.monotonic() - begun < 30  # the other one would wait for ever
    assert (folder / "threads-1.txt").read_text() == "3"


def test_processes_that_end_without_a_word_are_told_by_their_codes(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_MODULE", "mlreg_dagster_tests.there_is_no_such_module")
    with pytest.raises(TuningFailed, match=r"The processes of study .* ended with 1 .*Run this again to go on"):
        run_workers(tmp_path, tmp_path / "studies.sqlite", 1, 5, None)
