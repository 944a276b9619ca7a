"""A training dataset, the market behind it, and the settings that both were made with."""

import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.testing.world import FEATURES
from mlreg_dagster_tests.models.builders import market_of


@pytest.fixture(scope="session")
def dataset(world):
    return world.training


@pytest.fixture(scope="session")
def market():
    """Twelve days, those of the holdout included."""
    return market_of()


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    found = load_settings(tmp_path_factory.mktemp("configs"))
    changed = {
        "features": FEATURES,
        "outcomes": found.outcomes.model_copy(update={"horizon_hours": 6, "crash_pct": -2.0}),
        "models": {
            "model": found.model("model").model_copy(update={"params": {"n_estimators": 15}, "whiten": False}),
        },
    }
    return found.model_copy(update=changed)
