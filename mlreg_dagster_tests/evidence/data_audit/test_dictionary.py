"""Nothing is stored that the dictionary does not describe: the tables are looked for, not listed."""

import importlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

import mlreg_dagster
from mlreg_dagster.config import FeatureSettings, load_settings
from mlreg_dagster.core.hours import day_key
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, load
from mlreg_dagster.evidence.data_audit.dictionary import dictionary, fault_of, searched, undescribed
from mlreg_dagster.extensions.features import feature
from mlreg_dagster.extensions.registration.catalogue import isolated
from mlreg_dagster.market.features.features import features_of
from mlreg_dagster.outcomes import replay_schema
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.tables import Table, column
from mlreg_dagster_tests.lifecycle import DATASET_DAY, write_configs

SETTINGS = load_settings()
PACKAGE = Path(mlreg_dagster.__file__).parent


def tables_of_the_package():
    """Every table that a module of the package defines, wherever it stands."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "warehouse.tables import" in text and re.search(r"\bTable\(", text):
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
            values = vars(importlib.import_module(name)).values()
            found |= {value.name: value for value in values if isinstance(value, Table)}
    return found


def test_every_table_of_the_package_is_in_the_dictionary():
    described = {each.name: each for each in dictionary(SETTINGS)}
    tables = tables_of_the_package()
    assert {"market_snapshot", "drift_decision", "feature_sketch", "served_predictions"} <= tables.keys()
    assert tables.keys() - described.keys() == set()
    for name, table in tables.items():
        assert [entry.name for entry in described[name].entries] == list(table.columns), name


def test_every_feature_is_in_the_dictionary_with_its_unit_and_lookback():
    entries = {entry.name: entry for each in dictionary(SETTINGS) for entry in each.entries if entry.unit}
    features = features_of(SETTINGS.features)
    assert list(entries) == [each.name for each in features]
    for each in features:
        entry = entries[each.name]
        assert (entry.description, entry.unit) == (each.description, each.unit)
        assert entry.lookback_hours is not None
        assert entry.defined_by == "the package"
    assert entries["change_24h_pct_mean_24h"].lookback_hours == 23 + 24


def test_nothing_is_undescribed():
    assert list(undescribed(dictionary(SETTINGS))) == []


@pytest.mark.parametrize(
    ("name", "description", "fault"),
    [
        ("score", "", "no description"),
        ("score", "  ", "no description"),
        ("model_version", "The model version.", "no more than its name"),
        ("outcome_price_hour", "Hour of outcome_price.", "no more than its name"),
        ("score", "Higher = more anomalous", "full stop"),
        ("score", "Higher = more anomalous.", None),
    ],
)
def test_what_a_description_must_be(name, description, fault):
    found = fault_of(name, description)
    assert found is None if fault is None else fault in found


def test_a_column_without_a_description_is_named():
    described = dictionary(SETTINGS)
    entry = replace(described[0].entries[0], description="")
    spoilt = replace(described[0], entries=(entry, *described[0].entries[1:]))
    assert list(undescribed([spoilt])) == ["market_snapshot.hour: it has no description"]


def test_features_of_plug_ins_are_described():
    with isolated():

        @feature("ratio", lookback=2, description="Price against the one 2 h before", unit="%", version="3")
        def ratio(grid):
            return grid.now("price") / grid.lagged("price", 2)

        settings = SETTINGS.model_copy(update={"features": FeatureSettings(own={"ratio": "3"})})
        for name in ("market_features", f"{TRAINING} rows", f"{HOLDOUT} rows"):
            described = next(each for each in dictionary(settings) if each.name == name)
            entry = next(each for each in described.entries if each.name == "ratio")
            assert (entry.description, entry.unit, entry.lookback_hours) == (
                "Price against the one 2 h before, %.",
                "%",
                2,
            )
            assert entry.defined_by.startswith("mlreg_dagster_tests ")


def test_the_columns_of_frozen_datasets(trained_home, tmp_path):
    store = open_artifacts(str(trained_home / "artifacts"))
    settings = load_settings(write_configs(tmp_path))
    described = {each.name: [entry.name for entry in each.entries] for each in dictionary(settings)}
    training, holdout = (load(store, kind, day_key(DATASET_DAY)) for kind in (TRAINING, HOLDOUT))
    assert list(training.rows.columns) == described[f"{TRAINING} rows"]
    assert list(holdout.rows.columns) == described[f"{HOLDOUT} rows"]
    assert list(holdout.market.columns) == described[f"{HOLDOUT} market"]


def test_the_search_finds_every_word():
    found = searched(dictionary(SETTINGS), "Volume LAG")
    assert {each.name for each in found} >= {"market_features"}
    assert all("lag" in entry.name for each in found for entry in each.entries)
    assert searched(dictionary(SETTINGS), "<script>") == ()
    assert searched(dictionary(SETTINGS), "") == dictionary(SETTINGS)


def test_a_table_in_any_module_is_found(monkeypatch):
    monkeypatch.setattr(replay_schema, "NEW", Table("new", "A row.", {"x": column(int, "")}, ("x",)), raising=False)
    assert "new" in tables_of_the_package()
