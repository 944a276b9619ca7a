"""Each check passes, and fails for its own reason."""

import pandas as pd
import pytest

from mlreg_dagster.config import ConfigError, IngestSettings, SnapshotChecks
from mlreg_dagster.market.quality import (
    SNAPSHOT_CHECKS,
    Finding,
    check_freshness,
    check_schema,
    check_snapshots,
    require_known_columns,
)
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster_tests.market.frames import at, hours_at, snapshot_of

HOURS = hours_at(0, 3)


def settings(**checks: object) -> IngestSettings:
    return IngestSettings(universe=10, checks=SnapshotChecks(**checks))


def market(counts: tuple[int, ...] = (10, 10, 10, 10), **values: object) -> pd.DataFrame:
    """So many instruments in each of HOURS."""
    return snapshot_of(
        {"at": offset, "instrument_id": f"coin{number}", **values}
        for offset, count in enumerate(counts)
        for number in range(count)
    )


def check(name: str, rows: pd.DataFrame, **checks: object) -> Finding:
    """What a check finds, which must not depend on how the rows are cut into pieces."""
    pieces = [rows[rows["hour"] == hour] for hour in HOURS]
    whole, cut = (check_snapshots(each, HOURS, settings(**checks))[name] for each in ([rows], pieces))
    assert (whole.passed, whole.value) == (cut.passed, cut.value)
    return whole


def test_a_sound_market_passes_every_check():
    findings = check_snapshots([market()], HOURS, settings())
    assert [*findings, "freshness"] == list(SNAPSHOT_CHECKS)
    assert all(finding.passed for finding in findings.values()), findings


def test_every_column_of_a_snapshot_can_be_asked_for_and_no_other():
    require_known_columns(settings(completeness_columns=tuple(MARKET_SNAPSHOT.columns)))
    with pytest.raises(ConfigError) as caught:
        require_known_columns(settings(completeness_columns=("price", "volume", "ath")))
    assert "ingest.yaml: checks.completeness_columns: market_snapshot has no column volume, ath" in str(caught.value)
    assert "allowed are hour, instrument_id, symbol, price, market_cap, volume_24h," in str(caught.value)


def test_the_schema_is_checked():
    finding = check("schema", market().assign(price=-1.0))
    assert not finding.passed
    assert "price: must be finite and greater than 0" in finding.text
    assert check_schema(MARKET_SNAPSHOT, market()).text == "40 rows fit."
    assert not check_schema(MARKET_SNAPSHOT, market().drop(columns="symbol")).passed


def test_rows_are_there_once():
    rows = market()
    finding = check("uniqueness", pd.concat([rows, rows.iloc[[3, 7]]], ignore_index=True))
    assert (finding.passed, finding.value) == (False, 2)
    assert check("uniqueness", rows).passed


def test_each_named_column_must_be_complete_by_itself():
    rows = market()
    rows.loc[:2, "change_7d_pct"] = None  # 3 of 40
    finding = check("completeness", rows)
    assert (finding.passed, finding.value) == (False, 0.925)
    assert "change_7d_pct: 92.5%" in finding.text
    assert check("completeness", rows, completeness=0.92).passed
    assert check("completeness", rows, completeness_columns=("price", "volume_24h")).passed


def test_a_column_that_is_not_there_is_not_complete():
    finding = check("completeness", market(), completeness_columns=("price", "prize"))
    assert not finding.passed
    assert "prize: 0.0%" in finding.text


@pytest.mark.parametrize("allowed", [True, False])
def test_a_closed_market_is_complete_only_where_it_may_close(allowed):
    finding = check("completeness", market(()), allow_empty_hours=allowed)
    assert (finding.passed, finding.text) == (allowed, "No rows.")


@pytest.mark.parametrize("change", [51.0, -51.0])
def test_wild_prices_are_found_and_the_furthest_named(change):
    rows = market()
    rows.loc[11, "change_1h_pct"] = change
    rows.loc[12, "change_1h_pct"] = 50.0  # still allowed
    finding = check("plausible_prices", rows)
    assert (finding.passed, finding.value) == (False, 1 / 40)
    assert f"The furthest: coin1 {change:+.1f} % at 2020-01-01 01:00." in finding.text
    assert check("plausible_prices", rows, max_implausible_share=1 / 40).passed
    assert check("plausible_prices", rows, max_abs_change_1h_pct=51).passed


def test_unknown_changes_are_not_wild():
    assert check("plausible_prices", market(change_1h_pct=None)).passed
    assert check("plausible_prices", market(())).passed


def test_a_move_is_measured_since_the_price_was_last_seen():
    rows = market(change_1h_pct=None)
    rows = rows[~rows["hour"].isin(HOURS[1:3]) | (rows["instrument_id"] != "coin4")].reset_index(drop=True)
    rows.loc[rows.index[-6], "price"] = 1.6  # coin4 after a gap of two hours
    finding = check("plausible_prices", rows)
    assert (finding.passed, finding.value) == (False, 1 / 38)
    assert "The furthest: coin4 +60.0 % at 2020-01-01 03:00." in finding.text
    assert check("adjusted_prices", rows).passed


@pytest.mark.parametrize("price", [0.1, 0.5, 1.8, 10.0])
def test_one_split_among_many_instruments_is_found(price):
    rows = market((200, 200, 0, 200), change_1h_pct=None)
    rows.loc[rows.index[-100], "price"] = price
    finding = check("adjusted_prices", rows)
    assert (finding.passed, finding.value) == (False, 1)
    assert f"coin100 from 1 at 2020-01-01 01:00 to {price:g} at 2020-01-01 03:00" in finding.text
    assert check("plausible_prices", rows).passed
    assert check("adjusted_prices", rows, max_jump_factor=10.5).passed


def test_a_split_between_what_was_stored_before_and_the_first_hour_is_found():
    before = market((10, 0, 0, 0)).assign(price=2.0, hour=at(-60))
    older = before.assign(price=1.0, hour=at(-70))
    findings = check_snapshots([market()], HOURS, settings(), pd.concat([before, older]))
    assert findings["adjusted_prices"].value == 10
    assert "coin0 from 2 at 2019-12-29 12:00 to 1 at 2020-01-01 00:00" in findings["adjusted_prices"].text
    assert check_snapshots([market()], HOURS, settings(), older)["adjusted_prices"].passed


def test_thin_hours_are_found():
    finding = check("universe_size", market((10, 7, 8, 6)))
    assert (finding.passed, finding.value) == (False, 2)
    assert "The thinnest: 2020-01-01 03:00 with 6." in finding.text
    assert check("universe_size", market((10, 7, 8, 6)), min_universe_share=0.6).passed


def test_an_empty_hour_is_thin_unless_markets_may_close():
    rows = market((10, 0, 10, 10))
    finding = check("universe_size", rows)
    assert (finding.passed, finding.value) == (False, 1)
    assert "1 have none" in finding.text
    assert check("universe_size", rows, allow_empty_hours=True).passed
    assert not check("universe_size", rows, min_universe_share=0.0).passed
    assert not check("universe_size", market((10, 0, 7, 10)), allow_empty_hours=True).passed


@pytest.mark.parametrize(
    ("newest", "checked", "passed", "text"),
    [
        (None, 0, False, "No hour is stored yet."),
        (0, 0, True, "ended 3.0 h ago; allowed are 3 h"),
        (-1, -1, False, "ended 4.0 h ago; allowed are 3 h"),
        (-10, -30, True, "Past hours were filled in; the newest one ended 13.0 h ago."),
        (-10, -10, False, "ended 13.0 h ago"),
        (3, 3, True, "ended 0.0 h ago"),
    ],
)
def test_the_newest_hour_must_be_fresh_unless_the_past_was_filled_in(newest, checked, passed, text):
    newest = None if newest is None else at(newest)
    finding = check_freshness(newest, at(4), hours_at(checked - 5, checked), settings())
    assert finding.passed is passed
    assert text in finding.text


@pytest.mark.parametrize(("end", "passed"), [(4, True), (5, False)])
def test_no_hour_is_awaited_once_the_market_has_ended(end, passed):
    ending = settings().model_copy(update={"end": at(end)})
    finding = check_freshness(at(-10), at(4), hours_at(-15, -10), ending)
    assert finding.passed is passed
    ended = f"The market ended with {at(3):%Y-%m-%d %H:%M}: no hour is to come. The newest that is stored: "
    assert finding.text.startswith(ended) == passed
