"""Counts of a rollout on a disk that is full, or can only be read: told, kept, and written later."""

from mlreg_dagster.storage.rollout_counts import read_counts
from mlreg_dagster_tests.serving.rollout.splits import served
from mlreg_dagster_tests.serving.rollout.test_counts import ANSWER, counter


def test_a_full_disk_is_told_and_loses_no_count(disk, caplog):
    counts = counter(disk.folder)
    disk.fill()
    for _ in range(3):
        counts.answered(served(), "bitcoin", **ANSWER)
        counts.flush()
    assert "the disk is full" in counts.problem()
    assert sum("can't be written" in record.message for record in caplog.records) == 1
    disk.make_room()
    counts.close()
    found = read_counts(disk.folder, "champion", 4)
    assert sum(each.champion.requests for each in found.periods) == 3
    assert (found.torn, counts.problem()) == (0, None)


def test_a_home_that_can_only_be_read_is_told_and_holds_up_no_answer(read_only):
    folder, be_read_only = read_only
    be_read_only()
    counts = counter(folder)
    counts.answered(served(), "bitcoin", **ANSWER)
    counts.flush()
    assert "can't be written" in counts.problem()
    assert b"mlreg_server_rollout_counts_problem 1.0" in counts._metrics.exposition()
    counts.answered(served(), "bitcoin", **ANSWER)
    counts.close()
    assert not read_counts(folder, "champion", 4).periods
