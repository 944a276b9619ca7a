"""A simulated market with its models: its instruments resemble each other as those of a market do."""

from collections.abc import Callable
from functools import cache

import pandas as pd
import pytest

from mlreg_dagster.config import DatasetSettings, IngestSettings, InjectionSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.rounds import plant_anomalies
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing.world import DAY_ENDS, FEATURES, LOOKBACK
from mlreg_dagster_tests.models.builders import World, build_world

_OPENS = as_hour("2019-12-20")
_PARAMS = {
    "isolation_forest": {"params": {"n_estimators": 50, "max_samples": 1.0}},
    "local_outlier_factor": {"contamination": 0.02, "max_training_rows": 10_000},
}


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The frozen datasets of a hundred instruments."""
    folder = tmp_path_factory.mktemp("simulated")
    ingest = IngestSettings(start=_OPENS, universe=100, simulated={"opens": _OPENS})
    source = make_source(ingest, LandingZone(folder / "raw"))
    market = source.snapshots(hour_range(_OPENS, DAY_ENDS - HOUR), DAY_ENDS)
    return build_world(folder / "artifacts", market, DatasetSettings())


@pytest.fixture(scope="session")
def explained_model(simulated: World) -> Callable[[str], Model]:
    """A model of a detector, trained once."""
    return cache(lambda detector: simulated.train(detector, **{"contamination": 0.08, **_PARAMS.get(detector, {})}))


@pytest.fixture(scope="session")
def planted(simulated: World) -> dict[str, pd.DataFrame]:
    """Kind of anomaly to the rows that show it."""
    rows: dict[str, list[pd.DataFrame]] = {}
    for each in plant_anomalies(simulated.holdout, InjectionSettings(rounds=5), FEATURES, LOOKBACK):
        rows.setdefault(each.kind, []).append(each.rows[each.planted])
    return {
        kind: pd.concat(parts).drop_duplicates(["hour", "instrument_id"]).reset_index(drop=True)
        for kind, parts in rows.items()
    }
