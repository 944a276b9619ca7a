"""What trials are judged by, as it is read, planted and kept."""

import numpy as np

from mlreg_dagster.models.folds import files
from mlreg_dagster.models.tuning import material
from mlreg_dagster.models.tuning.study import plan_of
from mlreg_dagster_tests.models.tuning.conftest import order_of


def test_folds_come_back_from_their_folder_as_they_were(tunable, tmp_path):
    order = order_of(tunable)
    plan = plan_of(order, tunable.settings, tunable.warehouse)
    made, measured = material.gather(tunable.warehouse, tunable.settings, order.chosen, plan, ((700, 701), (800,)))
    folds = [*made, measured]
    assert files.load(tmp_path / "m") is None
    files.save(tmp_path / "m", folds)
    again = files.load(tmp_path / "m")
    assert [each.split for each in again] == [each.split for each in folds] == [*plan.folds, plan.measured]
    for before, after in zip(folds, again, strict=True):
        assert before.train.rows.equals(after.train.rows)
        assert np.array_equal(before.crashed, after.crashed)
        for left, right in zip(before.rounds, after.rounds, strict=True):
            assert (left.kind, left.seed, left.day) == (right.kind, right.seed, right.day)
            assert left.rows.reset_index(drop=True).equals(right.rows)
            assert np.array_equal(left.planted, right.planted)
    first = made[0]
    assert len({each.kind for each in first.rounds[: first.first_rounds]}) == first.first_rounds
    assert {each.seed for each in first.rounds} == {700, 701}
    assert {each.seed for each in measured.rounds} == {800}
    assert first.crashed.any()
