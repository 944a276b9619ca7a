"""What a run trains under a version that a sweep has planned, and under any other."""

import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.models.sweeps.order import PlannedOtherwise, order_of
from mlreg_dagster.models.sweeps.plan import (
    freeze_plan,
)
from mlreg_dagster.models.training_request import NoDataset
from mlreg_dagster_tests.models.sweeps.plans import a_plan


def test_a_planned_version_is_what_the_plan_says_wherever_it_is_launched(store):
    freeze_plan(a_plan(), store)
    order = order_of("v5", load_settings(), store, {"actor": "anna"}, "run", {})
    assert (order.settings, order.day) == (a_plan().configurations[1].model_settings, "2017-12-19")
    assert order.cause == {"trigger": "manual", "key": "sweep-trees-1", "reason": "Sweep trees, configuration 1 of 2."}
    assert order.origin == {"sweep": {"name": "trees", "number": 1, "of": 2, "changes": {"params.n_estimators": 50}}}
    base = order_of("v4", load_settings(), store, {}, "run", {})
    assert (base.origin["sweep"]["number"], base.cause["reason"]) == (0, "Sweep trees, the base.")
    with pytest.raises(PlannedOtherwise, match=r"v5 is kept for number 1 of the sweep trees.* Leave model, reason out"):
        order_of("v5", load_settings(), store, {"reason": "why", "model": "model_lof"}, "run", {})
    with pytest.raises(NoDataset):  # any other version is trained as it is asked for
        order_of("v7", load_settings(), store, {"model": "model_lof"}, "run", {})
