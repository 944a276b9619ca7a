"""From feature rows to frozen files and back, on real bundles in a folder."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import DatasetSettings, FeatureSettings
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, TooLittleHistory, hash_hours
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.storage.artifacts import ArtifactFrozen, ArtifactMissing, ArtifactTampered, open_artifacts
from mlreg_dagster_tests.market.frames import START, at, hours_at, random_market

DAY = "2020-01-09"
WINDOW = Window(at(180), at(220))
SETTINGS = DatasetSettings(min_training_hours=20, min_holdout_hours=5, min_snapshots_per_instrument=24)
MARKET = random_market(3, length=230, instruments=5)
MADE_WITH = FeatureSettings()
FEATURES = compute_features(MARKET, hours_at(170, 229), MADE_WITH, 168)


@pytest.fixture
def store(tmp_path):
    return open_artifacts(str(tmp_path / "artifacts"))


def frozen(store, rows=None, market=None, kind=TRAINING):
    rows = freezing.select_training_rows(FEATURES, WINDOW, SETTINGS) if rows is None else rows
    freezing.freeze(store, kind, DAY, rows, freezing.describe_lineage(rows, WINDOW, FEATURES, MADE_WITH), market)
    return freezing.load(store, kind, DAY)


def rows_of(counts: dict[str, range]) -> pd.DataFrame:
    """Rows of instruments at hours given as offsets from START."""
    rows = [(at(offset), name, float(offset)) for name, offsets in counts.items() for offset in offsets]
    frame = pd.DataFrame(rows, columns=["hour", "instrument_id", "x"]).assign(feature_settings=MADE_WITH.text)
    return frame.astype({"hour": "datetime64[us, UTC]", "instrument_id": "str"})


def test_training_rows_lie_within_the_window_ordered_by_key():
    rows = freezing.select_training_rows(FEATURES.sample(frac=1, random_state=1), WINDOW, SETTINGS)
    assert rows["hour"].between(WINDOW.first, WINDOW.end, inclusive="left").all()
    assert rows["hour"].agg(["min", "max"]).tolist() == [WINDOW.first, WINDOW.end - HOUR]
    pd.testing.assert_frame_equal(rows, rows.sort_values(["hour", "instrument_id"], ignore_index=True))


def test_instruments_that_were_seen_too_seldom_are_left_out_and_listed():
    features = rows_of({"often": range(180, 220), "enough": range(190, 214), "seldom": range(190, 213)})
    features = pd.concat([features, rows_of({"before": range(100, 180), "after": range(220, 300)})])
    rows = freezing.select_training_rows(features, WINDOW, SETTINGS)
    assert set(rows["instrument_id"]) == {"often", "enough"}
    lineage = freezing.describe_lineage(rows, WINDOW, features, MADE_WITH)
    assert lineage["instruments_left_out"] == ["seldom"]
    assert lineage["instruments"] == 2
    assert freezing.select_holdout_rows(features, WINDOW, SETTINGS)["instrument_id"].nunique() == 3


def test_where_all_were_seen_too_seldom_the_message_says_how_seldom():
    features = rows_of({f"coin{n}": range(180 + n, 203 + n) for n in range(5)})
    with pytest.raises(TooLittleHistory, match=r"No instrument has 24 snapshots .*\(the most is 23\).*datasets\.yaml"):
        freezing.select_training_rows(features, WINDOW, SETTINGS)


def test_the_hours_that_count_are_those_of_the_instruments_that_are_kept():
    settings = SETTINGS.override({"min_training_hours": 30})
    features = rows_of({"long": range(180, 210), "short": range(210, 220)})
    assert freezing.select_training_rows(features, WINDOW, settings)["hour"].nunique() == 30
    features = rows_of({"long": range(180, 209), "short": range(209, 220)})  # 40 hours with rows, 29 of them kept
    with pytest.raises(TooLittleHistory) as caught:
        freezing.select_training_rows(features, WINDOW, settings)
    text = str(caught.value)
    assert f"window {WINDOW} has features for 29 hours once the 2 instruments are down to the 1 with 24 snap" in text
    assert "min_training_hours in datasets.yaml asks for 30" in text
    assert "lower min_snapshots_per_instrument" in text


@pytest.mark.parametrize(
    ("select", "what", "key", "enough"),
    [
        (freezing.select_training_rows, "training", "min_training_hours", 20),
        (freezing.select_holdout_rows, "holdout", "min_holdout_hours", 5),
    ],
)
def test_too_little_history_names_the_first_missing_hour_and_the_remedy(select, what, key, enough):
    settings = SETTINGS.override({"min_snapshots_per_instrument": 1})
    features = rows_of({"coin": [180, 181, *range(185, 183 + enough)]})
    assert len(select(features, WINDOW, settings)) == enough
    features = features[:-1]
    with pytest.raises(TooLittleHistory) as caught:
        select(features, WINDOW, settings)
    text = str(caught.value)
    assert f"The {what} window {WINDOW} has features for {enough - 1} hours; {key} in datasets.yaml asks for" in text
    assert "The first hour without rows is 2020-01-08 14:00." in text  # START + 182 h
    assert "Materialize market_snapshot and market_features for 2020-01-08-14:00...2020-01-10-03:00" in text
    with pytest.raises(TooLittleHistory, match="has features for 0 hours"):
        select(features[:0], WINDOW, settings)


def test_what_comes_after_a_window_changes_nothing_in_its_dataset(store, tmp_path):
    later = FEATURES["hour"] >= WINDOW.end
    altered = FEATURES.assign(change_1h_pct=FEATURES["change_1h_pct"].where(~later, 1e9))
    before = frozen(store)
    for features in (altered, FEATURES[~later]):
        rows = freezing.select_training_rows(features, WINDOW, SETTINGS)
        other = open_artifacts(str(tmp_path / str(len(features)) / str(features.isna().sum().sum())))
        assert frozen(other, rows).sha256 == before.sha256


def test_a_frozen_dataset_comes_back_identical(store):
    rows = freezing.select_holdout_rows(FEATURES, WINDOW, SETTINGS)
    market = MARKET[MARKET["hour"] < WINDOW.end].reset_index(drop=True)
    dataset = frozen(store, rows, market, HOLDOUT)
    pd.testing.assert_frame_equal(dataset.rows, rows, check_exact=True)
    pd.testing.assert_frame_equal(dataset.market, market, check_exact=True)
    assert (dataset.window, dataset.day) == (WINDOW, DAY)
    assert dataset.sha256 == store.find(HOLDOUT, DAY).sha256
    assert frozen(store).market is None


def test_the_lineage_says_what_went_in(store):
    dataset = frozen(store)
    lineage = dataset.lineage
    assert lineage["rows"] == len(dataset.rows) == sum(entry["rows"] for entry in lineage["hours"].values())
    assert lineage["hours_in_window"] == 40
    assert lineage["hours_with_rows"] == len(lineage["hours"]) == dataset.rows["hour"].nunique()
    assert set(lineage["hours"]) == {f"{hour:%Y-%m-%dT%H:%MZ}" for hour in dataset.rows["hour"]}


def test_the_lineage_says_with_which_settings_the_features_were_computed(store):
    lineage = frozen(store).lineage
    assert lineage["feature_settings"] == {"lag_hours": [1, 6, 24], "rolling_hours": [6, 24], "min_window_share": 0.5}
    assert lineage["feature_fingerprint"] == MADE_WITH.fingerprint


@pytest.mark.parametrize("others", [hours_at(200, 201), WINDOW.hours], ids=["some", "all"])
def test_rows_of_other_feature_settings_are_not_frozen(store, others):
    other = compute_features(MARKET, WINDOW.hours, FeatureSettings(min_window_share=0.4), 168)
    mixed = pd.concat([FEATURES[~FEATURES["hour"].isin(others)], other[other["hour"].isin(others)]])
    rows = freezing.select_training_rows(mixed, WINDOW, SETTINGS)
    with pytest.raises(OtherFeatureSettings) as caught:
        frozen(store, rows)
    assert "min_window_share is 0.4 there, 0.5 in features.yaml" in str(caught.value)
    assert f"in {hour_key(others[0])}...{hour_key(others[-1])}" in str(caught.value)
    assert "Materialize market_features for those hours again" in str(caught.value)
    assert store.find(TRAINING, DAY) is None


def test_a_dataset_of_which_a_byte_is_changed_is_refused(store, tmp_path):
    dataset = frozen(store)
    path = tmp_path / "artifacts" / TRAINING / DAY / "rows.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactTampered, match=r"rows\.parquet"):
        freezing.load(store, TRAINING, DAY)
    with pytest.raises(ArtifactTampered):
        freezing.load(store, TRAINING, DAY, dataset.sha256)


def test_another_hash_than_the_one_asked_for_is_refused(store):
    frozen(store)
    with pytest.raises(ArtifactTampered):
        freezing.load(store, TRAINING, DAY, "0" * 64)
    with pytest.raises(ArtifactMissing):
        freezing.load(store, TRAINING, "2020-01-10")


def test_a_dataset_is_never_rewritten(store):
    dataset = frozen(store)
    assert frozen(store).sha256 == dataset.sha256
    with pytest.raises(ArtifactFrozen, match=r"rows\.parquet"):
        frozen(store, dataset.rows.assign(change_1h_pct=0.0))
    assert freezing.load(store, TRAINING, DAY).sha256 == dataset.sha256


def small() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "hour": pd.DatetimeIndex([START, START], dtype="datetime64[us, UTC]"),
            "name": pd.array(["a", "b"], dtype="str"),
            "x": [1.0, np.nan],
            "n": [1, 2],
        }
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.assign(x=[np.nextafter(1.0, 2), np.nan]),
        lambda frame: frame.assign(x=[np.nan, np.nan]),
        lambda frame: frame.assign(x=[1.0, 0.0]),
        lambda frame: frame.assign(x=[np.nan, 1.0]),
        lambda frame: frame.iloc[::-1],
        lambda frame: frame.iloc[:1],
        lambda frame: frame.rename(columns={"x": "y"}),
        lambda frame: frame[["name", "hour", "x", "n"]],
        lambda frame: frame.drop(columns="x"),
        lambda frame: frame.assign(name=["a", "c"]),
        lambda frame: frame.assign(name=["a", None]),
        lambda frame: frame.assign(name=["a", "None"]),
        lambda frame: frame.assign(n=["1", "2"]),
        lambda frame: frame.assign(n=[1.0, 2.0]),
        lambda frame: frame.assign(hour=frame["hour"] + HOUR),
    ],
)
def test_the_digest_detects_any_change(change):
    assert hash_hours(change(small())) != hash_hours(small())


def test_the_digest_tells_nulls_and_joined_texts_apart():
    variants = [[None, "b"], ["None", "b"], ["nan", "b"], ["a\x1fb", ""], ["a", "\x1fb"], ["a", "b"]]
    hashes = [hash_hours(small().assign(name=names)) for names in variants]
    assert all(left != right for left, right in combinations(hashes, 2))


@given(st.lists(st.floats(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
def test_equal_content_has_equal_digests_and_every_null_is_alike(numbers, names):
    frame = small().assign(x=numbers, name=names)
    assert hash_hours(frame) == hash_hours(frame.copy())
    pattern = np.array([0x7FF8000000000001, 0xFFF8000000000123], dtype=np.uint64).view(np.float64)
    assert np.isnan(pattern).all()
    assert hash_hours(frame.assign(x=pattern)) == hash_hours(frame.assign(x=[np.nan, np.nan]))
    assert hash_hours(frame.assign(name=pd.array(names, dtype=object))) == hash_hours(frame)
