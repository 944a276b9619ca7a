"""The reader of counts: it takes what servers write, whatever clocks, kills and strangers do to the files."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlreg_dagster.storage.rollout_counts import (
    ArmCounts,
    CountedPeriod,
    counted_rollouts,
    counts_folder,
    line_of,
    read_counts,
)

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
FULL = ArmCounts(9, 90, 3, 1, 2, 1, 0.25, 5, 1, 2, frozenset({"0123456789abcdef"}))


def period(second: float, process: str = "p", seconds: float = 5, **other: object) -> CountedPeriod:
    first = NOON + timedelta(seconds=second)
    values = {"process": process, "sequence": 1, "first": first, "last": first + timedelta(seconds=seconds)}
    return CountedPeriod(**(values | other))  # type: ignore[arg-type]


def write(home: Path, *lines: bytes | CountedPeriod, process: str = "p") -> Path:
    folder = counts_folder(home, "champion", 4)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{process}.jsonl"
    path.write_bytes(b"".join(each if isinstance(each, bytes) else line_of(each) for each in lines))
    return path


def test_a_period_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = period(
        0, champion=FULL, candidate=FULL, shadow=FULL, shadow_dropped=3, log_dropped=1, answers=40, started=True,
        unloadable="v8 can't be loaded.",
    )  # fmt: skip
    write(tmp_path, written)
    assert read_counts(tmp_path, "champion", 4).periods == (written,)
    assert not read_counts(tmp_path, "champion", 5).periods


def test_a_line_without_requests_is_short() -> None:
    assert len(line_of(period(0, process="20261126T120000-123456-0123abcd"))) < 180


def test_a_torn_line_is_counted_and_skipped_wherever_it_was_cut(tmp_path: Path) -> None:
    whole, other = line_of(period(0, champion=FULL)), period(400)
    for cut in range(1, len(whole)):
        write(tmp_path, whole[:cut], process="p")
        write(tmp_path, line_of(period(400, "q")), process="q")
        found = read_counts(tmp_path, "champion", 4)
        assert (found.torn, found.foreign) == (1, 0), cut
        assert [each.process for each in found.periods] == ["q"], cut
    write(tmp_path, whole[:100] + b"\n", other)
    assert read_counts(tmp_path, "champion", 4).periods[0] == other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"form":1', b'"form":2'),
        (b'"form":1,', b""),
        (b'"rows":90', b'"rows":-90'),
        (b'"rows":90', b'"rows":90.5'),
        (b'"rows":90', b'"rows":99999999999999999999999'),
        (b'"cpu_seconds":0.25', b'"cpu_seconds":1e999'),
        (b'"cpu_seconds":0.25', b'"cpu_seconds":NaN'),
        (b"0123456789abcdef", b"a coin"),
        (b'"process":"p"', b'"process":"another"'),
        (b"12:00:05Z", b"12:00:05"),
        (b"2026-11-26T12:00:05Z", b"9999-12-31T23:59:59-12:00"),
        (b"2026-11-26T12:00:00Z", b"0001-01-01T00:00:00+12:00"),
        (b'"sequence":1', b'"sequence":"1"'),
    ],
)
def test_a_line_that_is_none_of_ours_is_counted_and_skipped(tmp_path: Path, old: bytes, new: bytes) -> None:
    line = line_of(period(0, champion=FULL))
    assert old in line
    write(tmp_path, line.replace(old, new), period(400))
    found = read_counts(tmp_path, "champion", 4)
    assert (found.torn, found.foreign, len(found.periods)) == (0, 1, 1)


def test_links_and_other_files_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, period(0))
    path.with_name("link.jsonl").symlink_to(path)
    path.with_name("folder.jsonl").mkdir()
    path.with_name("notes.txt").write_text("x")
    found = read_counts(tmp_path, "champion", 4)
    assert (len(found.periods), found.foreign) == (1, 2)


def test_lines_of_a_minute_become_one_period_and_lose_nothing(tmp_path: Path) -> None:
    keys = [frozenset({f"{number:016x}"}) for number in range(36)]
    lines = [period(5 * each, champion=ArmCounts(requests=2, cpu_seconds=0.5, keys=keys[each])) for each in range(36)]
    write(tmp_path, *lines)
    found = read_counts(tmp_path, "champion", 4).periods
    assert len(found) == 3
    assert all(each.last - each.first <= timedelta(minutes=1) for each in found)
    assert sum(each.champion.requests for each in found) == 72
    assert sum(each.champion.cpu_seconds for each in found) == 18
    assert frozenset().union(*(each.champion.keys for each in found)) == frozenset().union(*keys)
    assert (found[0].first, found[-1].last) == (NOON, NOON + timedelta(minutes=3))


def test_splits_starts_and_processes_are_not_mixed(tmp_path: Path) -> None:
    lines = [period(0), period(5, sequence=2), period(10, sequence=2, started=True), period(15, sequence=2)]
    write(tmp_path, *lines, period(20, sequence=2, unloadable="gone"))
    write(tmp_path, period(2, "q"), process="q")
    found = read_counts(tmp_path, "champion", 4).periods
    assert [(each.process, each.sequence, each.started, each.unloadable) for each in found] == [
        ("p", 1, False, None),
        ("q", 1, False, None),
        ("p", 2, False, None),
        ("p", 2, True, None),
        ("p", 2, False, "gone"),
    ]


def test_a_clock_that_is_put_back_or_ahead_breaks_nothing(tmp_path: Path) -> None:
    back = period(1000, seconds=-900, champion=ArmCounts(requests=1))
    far = period(1e8, champion=ArmCounts(requests=1))
    write(tmp_path, period(990, champion=ArmCounts(requests=1)), back, far, period(105, champion=ArmCounts(requests=1)))
    found = read_counts(tmp_path, "champion", 4)
    assert [each.champion.requests for each in found.periods] == [1, 1, 1, 1]
    assert all(each.first <= each.last for each in found.periods)
    assert list(found.periods) == sorted(found.periods, key=lambda each: each.last)
    assert found.newest(NOON + timedelta(seconds=2000)) == NOON + timedelta(seconds=995)
    assert found.newest(NOON - timedelta(days=1)) is None


def test_a_clock_at_the_end_of_the_calendar_breaks_nothing(tmp_path: Path) -> None:
    end = datetime.max.replace(tzinfo=UTC)
    write(tmp_path, period(0), *[CountedPeriod("p", 1, end, end)] * 2)
    assert len(read_counts(tmp_path, "champion", 4).periods) == 2


def test_what_lies_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    folder = counts_folder(tmp_path, "champion", 4)
    folder.parent.mkdir(parents=True)
    folder.write_text("none of ours")
    assert f"the counts in {folder} can't be read (Not a directory)" in str(
        read_counts(tmp_path, "champion", 4).problem
    )


def test_a_file_that_can_not_be_read_is_told_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, period(0))
    path = write(tmp_path, period(0, "q"), process="q")
    actual = os.open

    def refused(name: str, *other: int) -> int:
        if Path(name) == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return actual(name, *other)

    monkeypatch.setattr(os, "open", refused)
    found = read_counts(tmp_path, "champion", 4)
    assert [each.process for each in found.periods] == ["p"]
    assert f"{path} can't be read (Permission denied)" in str(found.problem)


def test_folders_of_counts_are_told_from_what_else_lies_there(tmp_path: Path) -> None:
    assert counted_rollouts(tmp_path) == []
    for name in ("champion-4", "my-alias-12", "champion-x", "Champion-4", "champion-04"):
        counts_folder(tmp_path, "champion", 4).with_name(name).mkdir(parents=True)
    counts_folder(tmp_path, "champion", 4).with_name("champion-7").symlink_to(tmp_path)
    assert [(alias, number) for alias, number, _ in counted_rollouts(tmp_path)] == [("champion", 4), ("my-alias", 12)]
