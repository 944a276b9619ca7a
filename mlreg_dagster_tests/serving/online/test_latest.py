"""The newest hour by instrument: the same bits as the table, and never worse than what was known before."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.newest import mirror_newest_features
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.outcomes.predicting.newest import NewestThreshold, encode_thresholds
from mlreg_dagster.serving.online.latest import LatestHour, NoLatestHour, StaleHour, UnknownInstrument
from mlreg_dagster.storage.mirror import FEATURES_FILE, THRESHOLDS_FILE, Mirror
from mlreg_dagster_tests.market.features.stored import SETTINGS, TABLE, hour, store
from mlreg_dagster_tests.waiting import wait_for

LEARNED_FROM = json.loads(SETTINGS.text)
FEATURES = tuple(name for name in TABLE.columns if name not in ("hour", "instrument_id", "feature_settings"))


@pytest.fixture
def tables(tmp_path):
    return store(tmp_path, range(30))


@pytest.fixture
def folder(tables):
    mirror = Mirror(tables.path.parent / "latest")
    mirror_newest_features(tables, TABLE, mirror)
    return mirror.local


def at_once(folder, **changes) -> LatestHour:
    return LatestHour(str(folder), look_every_seconds=0, **changes)


def test_rows_have_the_bits_of_the_table_nulls_too(tables, folder):
    rows = tables.read(TABLE, hour(29), hour(29))
    assert rows[list(FEATURES)].isna().any(axis=None)
    found = at_once(folder).rows(list(rows["instrument_id"]), FEATURES, LEARNED_FROM)
    assert found.hour == hour(29)
    np.testing.assert_array_equal(found.X.view(np.int64), rows[list(FEATURES)].to_numpy().view(np.int64))


def test_rows_come_in_the_order_in_which_they_are_asked_for(tables, folder):
    rows = tables.read(TABLE, hour(29), hour(29)).set_index("instrument_id")
    names, features = [*rows.index[::-1], rows.index[0]], FEATURES[::-3]
    found = at_once(folder).rows(names, features, LEARNED_FROM)
    np.testing.assert_array_equal(found.X, rows.loc[names, list(features)].to_numpy())


def test_unknown_instruments_are_named(folder):
    with pytest.raises(UnknownInstrument, match=r"has no row of nix, nux\. Ask for instruments by their instrument_id"):
        at_once(folder).rows(["nix", "nux", "nix"], FEATURES, LEARNED_FROM)


def test_features_of_other_settings_than_the_model_learned_from_are_refused(tables, folder):
    names = list(tables.read(TABLE, hour(29), hour(29))["instrument_id"])
    other = json.loads(FeatureSettings(lag_hours=(2,), rolling_hours=(6,)).text)
    with pytest.raises(OtherFeatureSettings, match=r"lag_hours is \[1\] there, \[2\] in the model"):
        at_once(folder).rows(names, FEATURES, other)


def test_without_a_mirror_it_says_what_makes_one(tmp_path):
    latest = at_once(tmp_path / "latest")
    assert latest.hour is None
    assert latest.age_hours() is None
    assert latest.threshold("v1") is None
    assert not latest.problems
    with pytest.raises(NoLatestHour, match="The next hourly run makes it"):
        latest.rows(["coin"], FEATURES, LEARNED_FROM)


def test_a_replaced_file_is_read_again_and_the_pause_between_looks_is_kept(tables, folder):
    time = datetime(2026, 1, 1, tzinfo=UTC)
    latest = LatestHour(str(folder), look_every_seconds=1, now=lambda: time)
    assert latest.hour == hour(29)
    store(tables.path.parent, range(30, 31))
    mirror_newest_features(tables, TABLE, Mirror(folder))
    assert latest.hour == hour(29)
    time += timedelta(seconds=1)
    assert latest.hour == hour(30)


@pytest.mark.parametrize("name", [FEATURES_FILE, THRESHOLDS_FILE])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"nothing of ours", b"{}", b"[]", b"[" * 100_000, None, "a folder"])
def test_a_file_that_can_not_be_used_is_told_and_the_last_good_one_stays(folder, caplog, name, content):
    (folder / THRESHOLDS_FILE).write_bytes(thresholds(hour(29)))
    latest = at_once(folder)
    known = latest.hour, latest.threshold("v7")
    assert None not in known
    (folder / name).unlink()
    if content == "a folder":
        (folder / name).mkdir()
    elif content is not None:
        (folder / name).write_bytes(content)
    for _ in range(3):
        assert (latest.hour, latest.threshold("v7")) == known
    assert set(latest.problems) == {name}
    assert str(folder / name) in latest.problems[name]
    assert len(caplog.records) == 1


def test_after_a_bad_file_the_next_good_one_counts(folder):
    latest, good = at_once(folder), (folder / FEATURES_FILE).read_bytes()
    (folder / FEATURES_FILE).write_bytes(good[:-100])
    assert latest.hour is None
    with pytest.raises(NoLatestHour, match="is no whole file of the mirror"):
        latest.rows(["coin"], FEATURES, LEARNED_FROM)
    (folder / FEATURES_FILE).write_bytes(good)
    assert latest.hour == hour(29)
    assert not latest.problems


def test_age_warns_and_refuses(folder):
    def later(hours: float) -> LatestHour:
        return at_once(folder, now=lambda: hour(29).to_pydatetime() + timedelta(hours=hours))

    assert later(1.5).age_hours() == 1.5
    assert not later(1.9).is_stale(hour(29), 2, 6)
    assert later(2).is_stale(hour(29), 2, 6)
    with pytest.raises(StaleHour, match=r"is 2020-01-02-05:00: 6.0 hours old, and from 6 on none is answered from"):
        later(6).is_stale(hour(29), 2, 6)
    with pytest.raises(StaleHour, match="later than the clock of this machine"):
        later(-0.1).is_stale(hour(29), 2, 6)


def test_thresholds_of_the_newest_scored_hour(folder):
    (folder / THRESHOLDS_FILE).write_bytes(thresholds(hour(28)))
    found = at_once(folder).threshold("v7")
    assert (found.value, found.policy, found.hour, found.source) == (0.1 + 0.2, "trailing_share", hour(28), "hour")
    assert at_once(folder).threshold("v8") is None


def test_an_object_store_is_followed_too(tables):
    place = "memory://bucket/latest"
    latest = LatestHour(place, look_every_seconds=0)
    assert latest.hour is None
    mirror_newest_features(tables, TABLE, Mirror(place))
    wait_for(lambda: latest.hour == hour(29))
    store(tables.path.parent, range(30, 31))
    mirror_newest_features(tables, TABLE, Mirror(place))
    wait_for(lambda: latest.hour == hour(30))
    UPath(place).fs.rm(place, recursive=True)
    wait_for(lambda: "is gone" in latest.problems.get(FEATURES_FILE, ""))
    assert latest.hour == hour(30)


def test_the_reader_loads_no_library_that_the_server_does_without(folder):
    code = (
        "import sys; from mlreg_dagster.serving.online.latest import LatestHour; "
        f"found = LatestHour({str(folder)!r}); print(found.hour, found.threshold('v1')); "
        "print(sorted({'pandas', 'dagster', 'sklearn', 'skops'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.splitlines() == [f"{hour(29)} None", "[]"]


def thresholds(of) -> bytes:
    newest = NewestThreshold(0.1 + 0.2, "trailing_share", of.to_pydatetime(), "0" * 64)
    return encode_thresholds({"v7": newest})
