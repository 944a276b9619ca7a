"""The source of a dataset is written down when it is frozen: what was configured, and what the rows say."""

import json

import pytest

from mlreg_dagster.config import ArchiveSettings, CoinGeckoSettings, IngestSettings
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.source_record import SOURCE, configured, hours_by_source
from mlreg_dagster_tests.lifecycle import DATASET_DAY


@pytest.mark.parametrize("kind", [freezing.TRAINING, freezing.HOLDOUT])
def test_the_lineage_holds_the_source_of_then(trained, kind):
    dataset = freezing.load(trained.artifacts, kind, day_key(DATASET_DAY))
    record = dataset.lineage[SOURCE]
    ingest = trained.settings.ingest
    assert record["configured"]["source"] == ingest.source == "simulated"
    assert record["configured"]["settings"] == ingest.simulated.model_dump(mode="json")  # none of them is a secret
    assert list(record["hours"]) == ["simulated"]
    assert record["hours"]["simulated"]["hours"] == len(dataset.window.hours)
    assert record["hours"]["simulated"]["rows"] == len(dataset.rows)


def test_hours_of_several_sources_are_counted_apart(trained):
    window = freezing.load(trained.artifacts, freezing.HOLDOUT, day_key(DATASET_DAY)).window
    with trained.warehouse.connect() as connection:
        connection.execute(
            "UPDATE market_snapshot SET source = 'archive' WHERE hour = $hour", {"hour": window.first + HOUR}
        )
    found = hours_by_source(trained.warehouse, window)
    assert {name: each["hours"] for name, each in found.items()} == {
        "archive": 1,
        "simulated": len(window.hours) - 1,
    }
    assert found["archive"]["first"] == found["archive"]["last"] == f"{window.first + HOUR:%Y-%m-%dT%H:%MZ}"


def test_neither_secrets_nor_folders_get_into_it():
    coins = IngestSettings(source="coingecko", coingecko=CoinGeckoSettings(base_url="https://anna:pw@api.example/v3"))
    own = IngestSettings(
        source="of_a_plugin",
        params={"token": "s3cret", "feed": {"url": "https://x.example/?api_key=s3cret"}, "depths": [1, 2], "odd": {3}},
    )
    files = IngestSettings(source="archive", archive=ArchiveSettings(path="/home/anna/bars.parquet"))
    text = json.dumps([configured(each) for each in (coins, own, files)])
    assert not [word for word in ("pw@", "s3cret", "anna") if word in text]
    assert configured(coins)["settings"]["base_url"] == "https://api.example/v3"
    assert configured(coins)["settings"]["api_key_env"] == "COINGECKO_API_KEY"
    assert configured(own)["settings"]["depths"] == [1, 2]
    assert configured(files)["settings"]["path"] == "bars.parquet"
