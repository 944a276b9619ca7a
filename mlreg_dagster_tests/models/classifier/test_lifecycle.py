"""The classifier passes through the graph: labelled dataset, version, gates, reproduction, challenger."""

import pandas as pd
import pytest
import yaml

from mlreg_dagster import jobs
from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.evidence.reproduction import reproduce
from mlreg_dagster.models.classifier.labels import CannotLearn
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.orchestration.resources import ReplayClock
from mlreg_dagster.runner import Runner, asset_config
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster.testing.market import random_market
from mlreg_dagster.testing.world import DAY, DAY_ENDS

START = as_hour("2020-01-01")


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """A home with twelve days of a market that falls by 4 % often enough."""
    folder = tmp_path_factory.mktemp("labelled")
    market = random_market(12, length=300, instruments=80)
    bars = market[["instrument_id", "symbol", "hour", "price"]].assign(volume=market["volume_24h"].fillna(1.0) / 24)
    bars.rename(columns={"hour": "time", "price": "close"}).to_parquet(folder / "bars.parquet")
    configs = {
        "ingest": {
            "source": "archive", "start": START.isoformat(), "end": (DAY_ENDS + 3 * HOUR).isoformat(), "universe": 80,
            "archive": {
                "path": str(folder / "bars.parquet"),
                "columns": {"instrument_id": "instrument_id", "symbol": "symbol", "time": "time"},
            },
        },
        "datasets": {"history_hours": 96, "min_training_hours": 40, "label_days": 9},
        "outcomes": {"crash_pct": -4.0},
    }  # fmt: skip
    (folder / "configs").mkdir()
    for name, values in configs.items():
        (folder / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        for name, value in prepare_home(folder / "home").items():
            patch.setenv(name, value)
        clock = ReplayClock()
        made = Runner(settings=load_settings(folder / "configs"), home=folder / "home", resources={"clock": clock})
        made.run_hours(jobs.MARKET, hour_range(START, DAY_ENDS + 2 * HOUR))
        made.run_partition(jobs.DATASETS, DAY)
        yield made


@pytest.mark.slow
def test_it_is_trained_on_labels_evaluated_reproduced_and_a_challenger(runner):
    dataset = freezing.load(runner.artifacts, freezing.TRAINING, DAY)
    described = dataset.lineage["labels"]
    assert (described["embargo_hours"], described["outcomes"]["crash_pct"]) == (24, -4.0)
    assert described["episodes"] >= 100
    assert dataset.labelled["hour"].max() == as_hour(described["end"]) - 25 * HOUR
    version = runner.train({"model": "model_classifier", "actor": "tester"})
    manifest = runner.registry.version(version).manifest
    assert manifest["labels"] == described
    assert manifest["graph"].startswith("labels the ")
    runner.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", {"actor": "tester"}))
    gates = {gate.name: gate for gate in runner.registry.evaluations(version)[-1].gates}
    assert list(gates) == list(GATES)
    assert gates["injection_average_precision"].detail.startswith("Crashes of later weeks, by walk-forward: ")
    assert reproduce(runner.registry.version(version), runner.artifacts).is_exact
    hours = hour_range(DAY_ENDS, DAY_ENDS + 2 * HOUR)
    runner.run_hours(jobs.SCORING, hours, asset_config("predictions", {"versions": [version]}))
    rows = runner.warehouse.query("SELECT * FROM predictions WHERE model_version = $version", {"version": version})
    assert set(pd.to_datetime(rows["hour"], utc=True)) == set(hours), hour_key(hours[0])
    assert rows["score"].between(0, 100).all()


def test_a_dataset_without_labels_uses_up_no_version(trained):
    before = trained.registry.versions()
    with pytest.raises(CannotLearn, match="has no labelled rows"):
        trained.train(
            {"model": "model", "overrides": {"detector": "crash_classifier", "params": {}}, "actor": "tester"}
        )
    assert trained.registry.versions() == before
