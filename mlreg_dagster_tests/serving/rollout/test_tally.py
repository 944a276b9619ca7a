"""Counts by seconds, and the routing keys of a split."""

from datetime import UTC, datetime

from mlreg_dagster.serving.rollout.tally import MOST_KEYS, ArmTally, SplitTally
from mlreg_dagster_tests.serving.rollout.splits import SALT, SETTINGS

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def split() -> SplitTally:
    return SplitTally(SETTINGS, SALT, NOON)


def test_requests_rows_and_processor_time_are_summed_and_taken_once() -> None:
    tally = ArmTally(SETTINGS)
    tally.answered(10.0, 5, 2, 0.01, 0.002)
    tally.answered(10.5, 1, 0, 0.2, 0.001)
    tally.failed(11.0, "error")
    tally.failed(11.1, "not_finite")
    found = tally.take(20.0)
    assert (found.requests, found.rows, found.flagged, found.errors, found.not_finite, found.slow) == (4, 6, 2, 1, 1, 1)
    assert found.cpu_seconds == 0.003
    assert tally.is_empty
    assert tally.take(21.0).requests == 0


def test_a_second_with_an_error_is_an_error_second_however_many_it_has() -> None:
    tally = ArmTally(SETTINGS)
    for at in (1.0, 1.1, 1.2, 2.0, 3.0):
        tally.answered(at, 1, 0, 0.01, 0.0)
    for at in (3.1, 3.2, 3.3, 5.0):
        tally.failed(at, "error")
    tally.failed(6.0, "not_finite")
    found = tally.take(None)
    assert (found.seconds, found.error_seconds, found.errors) == (5, 2, 4)


def test_a_slow_second_has_a_larger_share_of_slow_answers_than_the_budget() -> None:
    tally = ArmTally(SETTINGS)
    for at, slow in ((1.0, 1), (2.0, 2)):  # of 20 answers each, and 5 % are allowed
        for number in range(20):
            tally.answered(at, 1, 0, 0.3 if number < slow else 0.1, 0.0)
    found = tally.take(None)
    assert (found.seconds, found.slow_seconds, found.slow) == (2, 1, 3)


def test_a_second_that_goes_on_is_counted_once_across_two_periods() -> None:
    tally = ArmTally(SETTINGS)
    tally.answered(1.0, 1, 0, 0.01, 0.0)
    first = tally.take(1.4)
    assert (first.requests, first.seconds) == (1, 0)
    assert not tally.is_empty
    tally.failed(1.6, "error")
    second = tally.take(2.0)
    assert (second.requests, second.seconds, second.error_seconds) == (1, 1, 1)
    assert tally.is_empty


def test_keys_are_told_once_as_hashes_that_all_servers_share() -> None:
    one, other = split(), split()
    for each in (one, other):
        each.note_key("champion", "bitcoin")
        each.note_key("champion", "bitcoin")
        each.note_key("candidate", "ethereum")
    found, same = one.take("p", 5, NOON, 1.0), other.take("q", 5, NOON, 1.0)
    assert found.champion.keys == same.champion.keys
    assert len(found.champion.keys) == len(found.candidate.keys) == 1
    assert found.champion.keys != found.candidate.keys
    one.note_key("champion", "bitcoin")
    assert not one.take("p", 5, NOON, 2.0).champion.keys
    foreign = SplitTally(SETTINGS, "another salt", NOON)
    foreign.note_key("champion", "bitcoin")
    assert foreign.take("p", 5, NOON, 1.0).champion.keys != found.champion.keys


def test_the_limit_of_keys_is_of_both_versions_together() -> None:
    tally = split()
    for number in range(2 * MOST_KEYS):
        tally.note_key("candidate" if number % 4 == 0 else "champion", str(number))
    found = tally.take("p", 5, NOON, 1.0)
    assert len(found.candidate.keys) == MOST_KEYS // 4
    assert len(found.champion.keys) == MOST_KEYS * 3 // 4


def test_what_was_not_written_joins_the_next_period() -> None:
    tally = split()
    tally.started = True
    tally.champion.answered(1.0, 1, 0, 0.01, 0.0)
    tally.unwritten = tally.take("p", 5, NOON, 5.0)
    assert not tally.is_empty
    tally.champion.answered(6.0, 1, 0, 0.01, 0.0)
    found = tally.take("p", 5, NOON, 10.0)
    assert (found.champion.requests, found.champion.seconds, found.started, found.first) == (2, 2, True, NOON)
    assert tally.is_empty
