"""Segments become rows: each answer once, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from mlreg_dagster.config.sections.serving import PredictionLogSettings
from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.serving.log import compaction, hour_files
from mlreg_dagster.serving.log.compaction import compact
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.prediction_log import Layout, sealed_segments
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.serving.log.answers import AT, FEATURES, answer

HOUR = AT.replace(minute=0, second=0, microsecond=0)
NEXT = HOUR + timedelta(hours=1)


class Place:
    """A log, and the tables that it is stored in."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / "served")
        self.tables = DuckDBWarehouse(folder / "warehouse.duckdb")

    def write(self, *answers: Any) -> list[Any]:
        log = PredictionLog(self.layout.root, PredictionLogSettings(slow_seconds=30))
        for each in answers:
            log.append(each, 0.01, protocol="mlflow")
        log.close()
        return list(answers)

    def compact(self, *hours: datetime) -> compaction.Compacted:
        return compact(self.layout, self.tables, hours or (HOUR,))

    def rows(self) -> pd.DataFrame:
        return self.tables.read(SERVED_PREDICTIONS)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_row_of_every_answer_is_stored_as_it_was_given(place: Place) -> None:
    first, second = place.write(
        answer(2, instruments=("bitcoin", "ethereum"), hours=("2026-11-26-11:00", "no hour"), client="desk"), answer()
    )
    read = place.compact().hours[HOUR]
    rows = place.rows()
    SERVED_PREDICTIONS.validate(rows.astype({"alias_sequence": "int64"}))
    assert len(rows) == 3
    mine = rows[rows["answer_id"] == first.answer_id]
    assert mine["instrument_id"].to_list() == ["bitcoin", "ethereum"]
    assert mine["market_hour"].iloc[0] == pd.Timestamp("2026-11-26T11:00Z")
    assert pd.isna(mine["market_hour"].iloc[1])
    assert mine["score"].to_list() == first.scores.tolist()
    assert mine["is_anomaly"].to_list() == first.flags.tolist()
    assert (mine["answered_at"] == pd.Timestamp(AT)).all()
    assert mine["protocol"].unique().tolist() == ["mlflow"]
    assert rows.loc[rows["answer_id"] == second.answer_id, "instrument_id"].isna().all()
    (facts,) = read.values()
    assert (facts.answers, facts.rows, facts.torn, facts.foreign, facts.hours_unread) == (2, 3, 0, 0, 1)


def test_the_file_of_the_hour_holds_the_features_by_name(place: Place) -> None:
    (given,) = place.write(answer(2))
    place.compact()
    file = place.layout.hour_file(HOUR)
    stored = pq.read_table(file).to_pylist()
    assert [dict(row["features"]) for row in stored] == [
        {name: None if value != value else value for name, value in zip(FEATURES, values, strict=True)}
        for values in given.X.tolist()
    ]
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.stat().st_mode & 0o077 == 0


def test_a_segment_is_kept_where_its_rows_are_stored_and_read_no_more(place: Place) -> None:
    place.write(answer())
    place.compact()
    assert not sealed_segments(place.layout)
    assert len(list(place.layout.stored.iterdir())) == 1


def test_rows_are_in_the_mirror_that_readers_outside_of_the_graph_read(place: Place) -> None:
    place.write(answer(2), answer())
    place.compact()
    with MirrorReader(place.tables.path.parent).tables() as tables:
        assert len(tables.frame("SELECT * FROM served_predictions")) == len(place.rows()) == 3


def test_twice_gives_the_same_rows(place: Place) -> None:
    place.write(*(answer(3) for _ in range(5)))
    place.compact()
    before = place.rows()
    place.compact()
    for path in place.layout.stored.iterdir():  # someone puts the segments back
        path.rename(place.layout.sealed / path.name)
    place.compact()
    pd.testing.assert_frame_equal(place.rows(), before)
    assert len(pq.read_table(place.layout.hour_file(HOUR))) == 15


def test_an_answer_in_two_segments_is_one(place: Place) -> None:
    place.write(answer(2), answer())
    (path,) = sealed_segments(place.layout)
    path.with_name(path.name.replace(".jsonl", "-copy.jsonl")).write_bytes(path.read_bytes().splitlines(True)[0])
    place.compact()
    assert len(place.rows()) == 3


def test_odd_names_of_clients_are_kept_as_they_are(place: Place) -> None:
    names = ("", "a\0b", "\n{}'\"", "x" * 100_000, "\u202e☃")
    place.write(answer(5, instruments=names, hours=("2026-11-26-11:30", "0001-01-01", "?" * 9999, "", "9999-12-31")))
    place.compact()
    rows = place.rows().sort_values("row")
    assert [None if pd.isna(name) else name for name in rows["instrument_id"]] == [None, *names[1:]]
    assert rows["market_hour"].isna().all()


def test_two_compactions_at_once_do_not_write_one_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(answer())
    monkeypatch.setattr(compaction, "_PATIENCE_S", 0.05)
    with FileLock(place.layout.root / "compaction.lock"), pytest.raises(compaction.CompactionBusy):
        place.compact()
    place.compact()
    assert len(place.rows()) == 1


def test_late_segments_of_an_old_hour_are_added(place: Place) -> None:
    place.write(answer(2))
    place.compact()
    place.write(answer(3))
    place.compact()
    assert len(place.rows()) == 5


def test_late_answers_are_added_though_the_file_of_the_hour_is_gone(place: Place) -> None:
    place.write(answer(2))
    place.compact()
    place.layout.hour_file(HOUR).unlink()
    place.write(answer(3))
    place.compact()
    assert len(place.rows()) == 5


def test_a_table_that_lost_its_rows_gets_them_back(place: Place) -> None:
    place.write(answer(2))
    place.compact()
    before = place.rows()
    place.tables.write(SERVED_PREDICTIONS, SERVED_PREDICTIONS.empty(), [pd.Timestamp(HOUR)])
    place.compact()
    pd.testing.assert_frame_equal(place.rows(), before)


def test_a_segment_over_the_end_of_an_hour_is_kept_until_both_are_stored(place: Place) -> None:
    place.write(answer(3, at=NEXT), answer(2))  # which threads have finished in another order
    assert len(sealed_segments(place.layout)) == 1
    place.compact(HOUR)
    assert len(place.rows()) == 2
    assert len(sealed_segments(place.layout)) == 1
    place.compact(NEXT)
    assert len(place.rows()) == 5
    assert not sealed_segments(place.layout)


def test_a_torn_line_is_told_and_kept_aside(place: Place) -> None:
    given, _ = place.write(answer(), answer())
    (path,) = sealed_segments(place.layout)
    path.write_bytes(path.read_bytes()[:-10])
    (facts,) = place.compact().hours[HOUR].values()
    assert (facts.answers, facts.torn, facts.foreign) == (1, 1, 0)
    assert place.rows()["answer_id"].to_list() == [given.answer_id]
    (aside,) = place.layout.aside.iterdir()
    assert aside.read_bytes().startswith(b'{"record":2,')


@pytest.mark.parametrize(
    "broken",
    [
        lambda line: line | {"scores": line["scores"] * 2},
        lambda line: line | {"record": 3},
        lambda line: line | {"more": 1},
        lambda line: line | {"artifact_sha256": "no hash"},
        lambda line: line | {"answered_at": "2020-01-01T00:00:00Z"},
        lambda _: "text",
        lambda _: {"answer_id": 1},
    ],
)
def test_foreign_lines_cost_no_other_line(place: Place, broken: Callable[[dict[str, Any]], Any]) -> None:
    (given,) = place.write(answer())
    (path,) = sealed_segments(place.layout)
    whole = path.read_bytes()
    foreign = json.dumps(broken(json.loads(whole)), separators=(",", ":")).encode() + b"\n"
    path.write_bytes(b"\n\n" + foreign + whole + b"\xff\x00\n")
    (facts,) = place.compact().hours[HOUR].values()
    assert (facts.answers, facts.torn, facts.foreign) == (1, 0, 2)
    assert place.rows()["answer_id"].to_list() == [given.answer_id]
    (aside,) = place.layout.aside.iterdir()
    assert aside.read_bytes() == foreign + b"\xff\x00\n"


def test_what_is_no_segment_is_put_aside(place: Place, tmp_path: Path) -> None:
    place.write(answer())
    (path,) = sealed_segments(place.layout)
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    (place.layout.sealed / path.name.replace(".jsonl", "-x.jsonl")).symlink_to(tmp_path / "elsewhere")
    (place.layout.sealed / "notes.txt").write_text("mine")
    found = place.compact()
    assert len(found.odd) == len(list(place.layout.aside.iterdir())) == 2
    assert len(place.rows()) == 1


def test_the_open_segment_of_a_living_process_is_not_touched(place: Place) -> None:
    log = PredictionLog(place.layout.root, PredictionLogSettings(slow_seconds=30))
    log.append(answer())
    place.compact()
    assert place.rows().empty
    log.append(answer())
    log.close()
    place.compact()
    assert len(place.rows()) == 2


_WRITES = """
import sys
from pathlib import Path
from mlreg_dagster.config.sections.serving import PredictionLogSettings
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster_tests.serving.log.answers import answer
log = PredictionLog(Path(sys.argv[1]), PredictionLogSettings(slow_seconds=30))
while True:
    given = answer()
    log.append(given)
    print(given.answer_id, flush=True)
"""


def test_what_a_killed_process_left_open_is_stored(place: Place) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITES, place.layout.root], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    answered = [writer.stdout.readline().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    answered += [line.strip() for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    writer.wait()
    place.compact()
    stored = place.rows()["answer_id"].to_list()
    assert len(set(stored)) == len(stored)
    assert set(answered) <= set(stored)
    assert not list(place.layout.open.iterdir())


STEPS = {
    "before the file of the hour": (hour_files.pq.ParquetWriter, "add_key_value_metadata"),
    "before the rows": (compaction, "_store"),
    "before the segments are moved": (compaction, "_is_stored"),
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_run_again_gives_the_same_rows(
    place: Place, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    given = place.write(answer(3, at=NEXT), answer(2))
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], dies)
        with pytest.raises(KeyboardInterrupt):
            place.compact(HOUR, NEXT)
    place.compact(NEXT)
    waits = step != "before the segments are moved"  # until both hours are in the table
    assert bool(sealed_segments(place.layout)) is waits
    place.compact(HOUR)
    rows = place.rows()
    assert sorted(rows["answer_id"]) == sorted(each.answer_id for each in given for _ in each.scores)
    assert not sealed_segments(place.layout)
    assert pq.read_table(place.layout.hour_file(HOUR)).num_rows == 2
