"""A home whose Dagster remembers runs, pictures and checks of every kind."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.runner import asset_config
from mlreg_dagster_tests.lifecycle import LIVE, Lifecycle

PICTURE = "![three points](data:image/svg+xml;base64,PHN2Zy8+)"
PAGES = "http://pages.example.org/mlreg"
HOURS = [f"2026-01-01-{hour:02}:00" for hour in range(24)]
ODD = {
    "flag": True,
    "json": {"a": [1, None, "é"]},
    "link": dg.MetadataValue.url("http://127.0.0.1:8810/hours/2026-01-01-00:00"),
    "path": dg.MetadataValue.path("/nowhere"),
    "table": dg.MetadataValue.table(
        [dg.TableRecord({"x": 1, "y": "two"})], dg.TableSchema([dg.TableColumn("x"), dg.TableColumn("y")])
    ),
    "words": "a_b_",
}


@pytest.fixture(scope="session")
def recorded_home(made_dagster_home: Path, trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs have evaluated v1 and promoted it; hours, odd values and a wiped asset are reported beside.

    Nothing may write to it; its configuration lies beside it.
    """
    home = tmp_path_factory.mktemp("recorded") / "home"
    shutil.copytree(trained_home, home)
    shutil.copytree(made_dagster_home, home / "dagster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        with dg.DagsterInstance.get() as instance:
            world = Lifecycle(home, {"pages": {"url": PAGES}}, instance)
            world.run_partition(jobs.EVALUATE, "v1", asset_config("evaluated_model", {"actor": "tester"}))
            world.promote("v1", LIVE)
            for key in HOURS:
                pictures = {"picture": dg.MetadataValue.md(PICTURE)} if key in (HOURS[3], HOURS[7]) else {}
                report(instance, "market_snapshot", key, {"rows": 12, "share": 0.25, **pictures})
            report(instance, "market_snapshot", HOURS[3], {"said": "_Nothing was drawn._", "path": "__no__"})
            report(instance, "predictions", HOURS[0], ODD)
            report(instance, "feature_sketch", HOURS[0], {"picture": dg.MetadataValue.md(PICTURE)})
            instance.wipe_assets([dg.AssetKey("feature_sketch")])
    return home


def report(instance: dg.DagsterInstance, asset: str, partition: str | None, metadata: Mapping[str, object]) -> None:
    """Record a materialization that no run made."""
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, metadata=metadata))
