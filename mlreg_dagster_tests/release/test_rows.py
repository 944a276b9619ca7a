"""Rows of the holdout that a version was evaluated on: as many as asked, the same at each draw; or why not."""

from types import SimpleNamespace

import pandas as pd
import pytest

from mlreg_dagster.datasets.freezing import HOLDOUT, freeze
from mlreg_dagster.release.rows import holdout_rows
from mlreg_dagster.release.steps import NotMeasured
from mlreg_dagster.storage.artifacts import ArtifactTampered, open_artifacts

LINEAGE = {"first_hour": "2026-01-01T00:00:00+00:00", "end": "2026-01-02T00:00:00+00:00"}
VERSION = SimpleNamespace(version="v2", dataset_day="2026-01-01")


@pytest.fixture
def store(tmp_path):
    store = open_artifacts(str(tmp_path / "artifacts"))
    for day, first, last in (("2026-01-01", 0, 10), ("2026-01-02", 100, 110), ("2026-01-03", 0, 0)):
        freeze(store, HOLDOUT, day, pd.DataFrame({"x": range(first, last)}), LINEAGE)
    return store


def drawn(store, count, evaluated_on=None):
    evaluation = None if evaluated_on is None else SimpleNamespace(holdout_day=evaluated_on)
    return holdout_rows(store, VERSION, evaluation, count)["x"].tolist()


def test_those_of_the_newest_evaluation_else_of_its_own_dataset(store):
    assert set(drawn(store, 10, "2026-01-02")) == set(range(100, 110))
    assert set(drawn(store, 10)) == set(range(10))


def test_each_draw_is_the_same(store):
    assert drawn(store, 4) == drawn(store, 4)


def test_rows_come_twice_only_where_there_are_too_few(store):
    assert len(set(drawn(store, 10))) == 10
    assert (len(drawn(store, 25)), set(drawn(store, 25)) <= set(range(10))) == (25, True)


@pytest.mark.parametrize(("day", "why"), [("2026-01-09", "is not there any more"), ("2026-01-03", "has no rows")])
def test_without_rows_nothing_is_measured(store, day, why):
    with pytest.raises(NotMeasured, match=rf"The holdout of {day}.*{why}"):
        drawn(store, 1, day)


def test_a_holdout_that_was_changed_is_no_evidence(store, tmp_path):
    path = next((tmp_path / "artifacts").rglob("2026-01-01/**/*.parquet"))
    path.chmod(0o600)
    path.write_bytes(b"else")
    with pytest.raises(ArtifactTampered):
        drawn(store, 1)
