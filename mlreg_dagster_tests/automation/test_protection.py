"""Rollbacks that protect, as the promote sensor asks for them: done in the tier low, requested in the tier high."""

import shutil

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.registry import Attribution, DriftJudgement
from mlreg_dagster_tests.governance.promotion.test_champion_challenger import market
from mlreg_dagster_tests.lifecycle import CONFIGS
from mlreg_dagster_tests.location import Location

pytestmark = pytest.mark.slow

HIGH = {
    "use_case": {"risk_tier": "high"},
    "promotion": {"automatic": "passed", "high": {"gates": [], "approvals": 0, "stable": False, "experiments": True}},
}


@pytest.fixture
def worse(trained_home, tmp_path):
    """v2 is champion after v1, both scored the same hours, and it is confirmed to be worse."""

    def make(configs=None):
        folder = tmp_path / "worse"
        shutil.copytree(trained_home, folder / "home")
        as_evaluated = {"evaluation": CONFIGS["evaluation"], "promotion": {"automatic": "passed"}}
        location = Location(folder, "2026-01-05T00:30", as_evaluated)
        for version in ("v1", "v2"):
            location.world.promote(version)
        location = Location(folder, "2026-01-05T00:30", {**as_evaluated, **(configs or {})})
        outcomes = market(v1=(0.9, 0.05), v2=(0.4, 0.05))
        hours = pd.DatetimeIndex(outcomes["hour"].unique())
        location.world.warehouse.write(PREDICTION_OUTCOMES, outcomes, hours)
        judged = DriftJudgement(
            "2026-01-04", "v2", "confirmed", "concept", "retrain", 6, "concept-worse-2026-01-03-v2", (), {}
        )
        now = location.world.clock.now()
        by = Attribution("automation", now, "the champion is worse", None)
        location.world.registry.record_drift([(judged, by, now.ceil("h") + HOUR)])
        return location

    return make


def test_in_the_tier_low_the_version_before_takes_over_once_and_validated(worse):
    location = worse()
    assert location.tick("promote_sensor") == ["promote None"]
    holder = location.world.registry.holder(CHAMPION)
    assert (holder.version, holder.previous_version, holder.actor) == ("v1", "v2", "automation")
    assert holder.reason.startswith("v2 is worse than v1")
    assert holder.evidence["rollback"] is not None
    assert location.tick("promote_sensor") == []
    assert [version for version, _ in location.champions()] == ["v1", "v2", "v1"]


def test_in_the_tier_high_the_request_is_recorded_and_waits_for_a_person(worse):
    location = worse(HIGH)
    assert location.tick("promote_sensor") == ["promote None failed"]
    assert location.world.registry.holder(CHAMPION).version == "v2"
    (refusal,) = location.world.registry.refusals()
    assert (refusal.version, refusal.outcome, refusal.actor) == ("v1", "hold", "automation")
    assert "a person decides" in refusal.because
    assert location.tick("promote_sensor") == []  # it is asked for once
    location.world.promote("v1", reason="v2 is worse, as automation says")
    assert location.world.registry.holder(CHAMPION).version == "v1"
