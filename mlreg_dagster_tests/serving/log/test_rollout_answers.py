"""Answers of a rollout in log and tables, and beside them what a release without rollouts has left."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.serving.following.names import Served
from mlreg_dagster.serving.log.lines import read_line
from mlreg_dagster.serving.log.record import line_of
from mlreg_dagster_tests.serving.log.answers import SHA256, answer
from mlreg_dagster_tests.serving.log.test_compaction import HOUR, Place
from mlreg_dagster_tests.serving.rollout.splits import Model, served

NEW = ("arm", "traffic_sequence")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def of_arm(arm: Any) -> Any:
    """An answer of a version of a rollout."""
    found = served(arm)
    model: Any = found.model
    model.sha256 = SHA256
    return answer(served=found)


def older(line: bytes) -> bytes:
    """The line as a release without rollouts has written it."""
    found = json.loads(line) | {"record": 1}
    return json.dumps({name: value for name, value in found.items() if name not in NEW}, separators=(",", ":")).encode()


def test_a_row_says_which_arm_answered_and_by_which_change(place: Place) -> None:
    given = place.write(of_arm("champion"), of_arm("candidate"), answer())
    place.compact()
    rows = place.rows().set_index("answer_id").loc[[each.answer_id for each in given]]
    assert rows["arm"].to_list()[:2] == ["champion", "candidate"]
    assert rows["model_version"].to_list() == ["v7", "v8", "v1"]
    assert rows["traffic_sequence"].to_list()[:2] == [5, 5]
    assert rows.iloc[2][list(NEW)].isna().all()
    stored = pq.read_table(place.layout.hour_file(HOUR), columns=["arm"])["arm"].to_pylist()
    assert sorted(stored, key=str) == [None, "candidate", "champion"]


def test_a_line_of_a_release_without_rollouts_is_read() -> None:
    found = read_line(older(line_of(answer(), 0.01, "mlflow", None)))
    assert found is not None
    assert (found.alias_sequence, found.arm, found.traffic_sequence) == (3, None, None)


def test_a_line_with_an_arm_that_there_is_not_is_none_of_ours() -> None:
    line = line_of(of_arm("candidate"), 0.01, "mlflow", None)
    assert read_line(line) is not None
    assert read_line(line.replace(b'"candidate"', b'"challenger"')) is None


def test_file_and_table_of_a_release_without_rollouts_are_gone_on_with(place: Place) -> None:
    first = place.write(answer(2), answer())
    place.compact()
    file = place.layout.hour_file(HOUR)
    table = pq.read_table(file)
    with place.tables.connect() as connection:
        for name in NEW:
            connection.execute(f'ALTER TABLE "{SERVED_PREDICTIONS.name}" DROP COLUMN "{name}"')
    pq.write_table(table.drop_columns(list(NEW)).replace_schema_metadata(pq.read_metadata(file).metadata), file)
    before = place.rows()
    assert before[list(NEW)].isna().all(axis=None)
    place.compact()
    pd.testing.assert_frame_equal(place.rows(), before)
    (late,) = place.write(of_arm("candidate"))
    place.compact()
    rows = place.rows()
    assert set(rows["answer_id"]) == {each.answer_id for each in (*first, late)}
    assert rows.loc[rows["arm"].notna(), "answer_id"].to_list() == [late.answer_id]
    assert pq.read_table(file).column("arm").to_pylist().count("candidate") == 1


def test_what_is_asked_for_by_version_is_part_of_no_rollout() -> None:
    model: Any = Model("v8")
    model.sha256 = SHA256
    found = json.loads(line_of(answer(served=Served("v8", None, None, None, model)), 0.01, "mlflow", None))
    assert (found["alias"], found["arm"], found["traffic_sequence"]) == (None, None, None)
