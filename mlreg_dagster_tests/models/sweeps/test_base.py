"""A configuration of a sweep held against its base, where there is one."""

import pytest

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.registration import register
from mlreg_dagster.models.sweeps.base import against_base
from mlreg_dagster.models.sweeps.table import VERSUS_BASE
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.models.builders import with_manifest
from mlreg_dagster_tests.models.sweeps.plans import a_plan, train_planned
from mlreg_dagster_tests.registry.builders import NOW

SETTINGS = ComparisonSettings(bootstrap_samples=100, min_instruments=2, refits=0)


@pytest.fixture
def held(model_of, registry, store, world):
    """Hold a model with the manifest of a sweep against the base; nothing is planted."""

    def hold(detector="robust_z_score", version="v1", **sweep):
        model = with_manifest(model_of(detector, version), **({"sweep": sweep} if sweep else {}))
        return against_base(model, registry, store, world.holdout, [], SETTINGS, None)

    return hold


def test_the_base_and_what_is_of_no_sweep_are_held_against_nothing(held, registry):
    train_planned(registry, a_plan(first=1), 0)
    assert held() == {}
    assert held(name="trees", number=0) == {}


def test_where_the_base_is_not_trained_yet_nothing_is_kept(held, registry):
    assert held(name="trees", number=1) == {}
    train_planned(registry, a_plan("others", first=1), 0)
    train_planned(registry, a_plan(first=4), 2)
    assert held(name="trees", number=1) == {}


def test_a_base_whose_files_are_gone_is_the_reason_and_no_failure(held, registry):
    train_planned(registry, a_plan(first=1), 0)
    found = held(name="trees", number=1)[VERSUS_BASE]
    assert list(found) == ["not_comparable"]
    assert "v1" in found["not_comparable"]


def test_it_is_compared_on_the_same_rows(held, registry, store, model_of, world):
    base = with_manifest(model_of("robust_z_score"), sweep={"name": "trees", "number": 0, "of": 1, "changes": {}})
    register(base, store, registry, Attribution("ann", NOW, run_id="run"))
    found = held("nearest_neighbors", "v2", name="trees", number=1)[VERSUS_BASE]
    assert (found["left"], found["right"], found["rows"]) == ("v2", "v1", len(world.holdout.rows))
    assert found["rank_correlation"] < 1
    assert found["verdict"] == "not distinguishable"
