"""What a study is asked to do, and that another order is not gone on with."""

import pytest

from mlreg_dagster.models.tuning.order import OtherStudy, keep, kept
from mlreg_dagster_tests.models.tuning.conftest import order_of


def test_a_study_that_was_begun_in_another_way_is_not_gone_on_with(tunable, tmp_path):
    order = order_of(tunable, trials=5)
    keep(order, tmp_path / "s", tunable.artifacts)
    assert kept(tmp_path / "s").facts() == order.facts()
    keep(order_of(tunable, trials=9, jobs=2), tmp_path / "s", tunable.artifacts)
    assert kept(tmp_path / "s").tuning.trials == 9
    with pytest.raises(OtherStudy, match=r"Study s was begun in another way \(differing: tuning.seed\)"):
        keep(order_of(tunable, seed=99), tmp_path / "s", tunable.artifacts)
    with pytest.raises(OtherStudy, match="chosen, model, space"):
        keep(order_of(tunable, model="model"), tmp_path / "s", tunable.artifacts)
