"""One hour and the list of hours: what is stored, sent and flagged, and that nothing later shows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR as AN_HOUR
from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.pages.hour import facts as hour_facts
from mlreg_dagster.pages.hour import hours as hours_facts
from mlreg_dagster.pages.page import NotThere, Unclear
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster_tests.lifecycle import NOON
from mlreg_dagster_tests.market.frames import snapshot_of
from mlreg_dagster_tests.pages.hour.builders import HOUR, Remembered, rendered, view_of
from mlreg_dagster_tests.registry.builders import evaluate, move, register, sha, suspend

KEY = hour_key(HOUR)
HOSTILE = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).map("<i>'\"{{7*7}}".__add__)


def tables(name="coin", outcome="crash"):
    """Three hours of one instrument; the second one is flagged, and its outcome came a day later."""
    snapshots = snapshot_of([{"instrument_id": name, "symbol": name, "price": 1.0}] * 2)
    snapshots["hour"] = [HOUR - AN_HOUR, HOUR]
    row = {
        "hour": HOUR, "instrument_id": name, "model_version": "v1", "role": "champion", "score": 0.9, "threshold": 0.5,
        "is_anomaly": True, "in_sample": False, "price": 1.0, "artifact_sha256": sha("v1"),
    }  # fmt: skip
    reason = {
        "hour": HOUR, "instrument_id": name, "model_version": "v1", "rank": 1, "family": name, "share": 0.3,
        "feature": name, "value": np.nan, "training_median": 0.1, "score_at_medians": 0.4,
    }  # fmt: skip
    due = {
        **row, "hour": HOUR + 24 * AN_HOUR, "prediction_hour": HOUR, "outcome_price": 0.5, "change_pct": -50.0,
        "worst_drop_pct": -60.0, "outcome": outcome,
    }  # fmt: skip
    return {
        "market_snapshot": snapshots,
        "market_features": pd.DataFrame({"hour": [HOUR], "instrument_id": [name], "change_1h_pct": [np.nan]}),
        "predictions": pd.DataFrame([row])[list(PREDICTIONS.columns)],
        "prediction_reasons": pd.DataFrame([reason])[list(PREDICTION_REASONS.columns)],
        "prediction_outcomes": pd.DataFrame([due]).reindex(columns=list(PREDICTION_OUTCOMES.columns)),
    }


def held_of(found):
    return {each.table: (each.rows, each.held) for each in found.stored}


def test_an_hour_without_rows_is_told_apart_from_one_that_was_never_computed(tmp_path):
    empty, never = HOUR + 2 * AN_HOUR, HOUR + 3 * AN_HOUR
    rows = tables()
    rows["market_snapshot"] = pd.concat([rows["market_snapshot"], rows["market_snapshot"].assign(hour=never + AN_HOUR)])
    known = Remembered({("market_snapshot", hour_key(empty))})
    view = view_of(tmp_path, rows, dagster=known)
    states = {each.hour: each.held for each in hours_facts.facts(view).days[0].hours}
    assert [states[each] for each in (HOUR, empty, never)] == ["rows", "no rows", "never computed"]
    assert held_of(hour_facts.facts(view, hour_key(empty)))["market_snapshot"] == (0, "no rows")
    assert held_of(hour_facts.facts(view, hour_key(never)))["market_snapshot"] == (0, "never computed")
    assert "made, without rows" in rendered("hour", view, hour=hour_key(empty))
    unknown = view_of(tmp_path, rows)
    assert held_of(hour_facts.facts(unknown, hour_key(never)))["market_snapshot"] == (0, "not known")
    assert {each.held for each in hours_facts.facts(unknown).days[0].hours} == {"rows", "not known"}


def test_an_hour_shows_flags_with_reasons_and_outcomes(tmp_path):
    view = view_of(tmp_path, tables())
    found = hour_facts.facts(view, KEY)
    assert held_of(found) == dict.fromkeys(
        ["market_snapshot", "market_features", "predictions", "prediction_reasons", "prediction_outcomes"], (1, "rows")
    )
    (flag,) = found.flags
    assert (flag.outcome, flag.worst_drop_pct, flag.reasons[0].value) == ("crash", -60.0, None)
    assert [(each.version, each.rows, each.flagged, each.crash, each.open) for each in found.predicted] == [
        ("v1", 1, 1, 1, 0)
    ]
    page = rendered("hour", view, hour=KEY)
    assert "coin +0.300 (coin unknown, median in training 0.1)" in " ".join(page.split())


@pytest.mark.parametrize(("hours", "outcome", "counts"), [(23, None, (0, 0, 1)), (24, "crash", (1, 0, 0))])
def test_outcomes_that_were_due_later_are_hidden(tmp_path, hours, outcome, counts):
    view = view_of(tmp_path, tables(), as_of=HOUR + hours * AN_HOUR, is_past=True)
    (row,) = hour_facts.facts(view, KEY).rows
    (made,) = hour_facts.facts(view, KEY).predicted
    assert (row.outcome, (made.crash, made.missing, made.open)) == (outcome, counts)
    (line,) = [each for each in hours_facts.facts(view).days[0].hours if each.hour == HOUR]
    assert (line.crashes, line.open) == (counts[0], counts[2])


def test_an_outcome_that_was_due_and_is_not_there_is_missing_and_no_crash(tmp_path):
    rows = tables()
    rows["prediction_outcomes"] = rows["prediction_outcomes"].head(0)
    (made,) = hour_facts.facts(view_of(tmp_path, rows), KEY).predicted
    assert (made.crash, made.no_crash, made.unresolved, made.missing, made.open) == (0, 0, 0, 1, 0)


def test_an_hour_that_had_not_begun_is_not_there(tmp_path):
    view = view_of(tmp_path, tables(), as_of=HOUR - AN_HOUR, is_past=True)
    with pytest.raises(NotThere, match="had not begun"):
        hour_facts.facts(view, KEY)
    assert hour_facts.facts(view, hour_key(HOUR - AN_HOUR)).following is None
    assert hours_facts.facts(view).last == HOUR - AN_HOUR
    assert not hours_facts.facts(view).days[0].ended


def test_hours_before_and_after_are_linked_as_far_as_there_are_any(tmp_path):
    view = view_of(tmp_path, tables())
    around = {}
    for back in range(-3, 3):
        found = hour_facts.facts(view, hour_key(HOUR + back * AN_HOUR))
        around[back] = (found.previous is not None, found.following is not None)
    assert around == {
        -3: (False, False), -2: (False, True), -1: (False, True), 0: (True, False), 1: (True, False), 2: (False, False),
    }  # fmt: skip


def test_a_payload_shows_its_beginning_as_text_and_what_came_later_is_hidden(tmp_path):
    landing = LandingZone(tmp_path / "raw")
    landing.land("coingecko", "listing", HOUR, b"<script>1</script>" * 100, HOUR + AN_HOUR)
    broken = landing.land("coingecko", "listing", HOUR, b"[]", HOUR + 2 * AN_HOUR)
    broken.write_bytes(b"no gzip")
    view = view_of(tmp_path, tables())
    whole, damaged = hour_facts.facts(view, KEY).payloads
    assert (whole.bytes, len(whole.excerpt), whole.problem) == (1800, 400, "")
    assert damaged.bytes is None
    assert "damaged" in damaged.problem
    page = rendered("hour", view, hour=KEY)
    assert "&lt;script&gt;1" in page
    assert "<script>1" not in page
    early = view_of(tmp_path, tables(), as_of=HOUR + AN_HOUR, is_past=True)
    assert [each.received_at for each in hour_facts.facts(early, KEY).payloads] == [HOUR + AN_HOUR]


def test_days_of_low_quality_are_marked_once_they_are_over(tmp_path):
    rows = tables() | {
        "data_quality_drift": pd.DataFrame(
            [{"day": HOUR.floor("D"), "measure": "null_share", "value": 0.5, "bad": 0.1, "severe": 0.3,
              "quality": "severe", "detail": "<b>"}]
        )
    }  # fmt: skip
    view = view_of(tmp_path, rows)
    assert [(each.kind, each.severe) for each in hour_facts.facts(view, KEY).marks] == [("low quality", True)]
    assert hours_facts.facts(view).days[0].quality == "severe"
    assert "bad beyond 0.1: &lt;b&gt;" in rendered("hour", view, hour=KEY)
    early = view_of(tmp_path, rows, as_of=HOUR, is_past=True)
    assert hour_facts.facts(early, KEY).marks == ()


def test_an_hour_that_nobody_scored_is_marked_once_it_is_so(tmp_path):
    view = view_of(tmp_path, tables())
    began = HOUR + pd.Timedelta(minutes=90)
    register(view.registry, "v1", created_at=HOUR)
    evaluate(view.registry, "v1", recorded_at=HOUR)
    move(view.registry, "v1", None, HOUR, time=HOUR)
    suspend(view.registry, time=began, effective_at=began, reason="<i>all")
    stopped = hour_key(HOUR + AN_HOUR)
    (mark,) = hour_facts.facts(view, stopped).marks
    assert mark.kind == "suspended"
    assert mark.text.startswith("No holder of champion scores the hour. champion is suspended since 2026-01-05 13:30")
    assert "&lt;i&gt;all" in rendered("hour", view, hour=stopped)
    assert hour_facts.facts(view, KEY).marks == ()  # it was scored
    assert hour_facts.facts(replace(view, as_of=HOUR + AN_HOUR, is_past=True), stopped).marks == ()


def test_an_instrument_shows_what_is_unknown_as_unknown(tmp_path):
    view = view_of(tmp_path, tables(), query={"instrument": "coin"})
    found = hour_facts.facts(view, KEY).instrument
    assert found.features == {"change_1h_pct": None}
    assert "unknown" in rendered("hour", view, hour=KEY)
    with pytest.raises(NotThere, match="No table holds 'other'"):
        hour_facts.facts(view_of(tmp_path, tables(), query={"instrument": "other"}), KEY)


@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "²", "9" * 5000])
def test_a_page_that_there_is_not_is_refused(tmp_path, page):
    for module, parts in ((hours_facts, ()), (hour_facts, (KEY,))):
        with pytest.raises(Unclear, match="There is no page"):
            module.facts(view_of(tmp_path, tables(), query={"page": page}), *parts)


@pytest.mark.pictures
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=HOSTILE)
def test_names_of_others_stay_text(tmp_path, name):
    view = view_of(tmp_path, tables(name), query={"instrument": name})
    page = rendered("hour", view, hour=KEY)
    assert "<i>" not in page
    assert "{{7*7}}" in page
    assert hour_facts.facts(view, KEY).flags[0].instrument_id == name


def test_moves_that_came_later_are_hidden(site):
    path = f"/hours/{hour_key(pd.Timestamp(NOON) - AN_HOUR)}/impact.json"
    now = site.get(path).json()["facts"]["impact"]["reigns"]
    then = site.get(path, params={"as_of": "2026-01-05T11:00"}).json()["facts"]["impact"]["reigns"]
    assert None not in [each["until"] for each in now if each["version"] == "v1"]
    assert [each["until"] for each in then if each["version"] == "v1"] == [None]
    assert "v2" in {each["version"] for each in now} - {each["version"] for each in then}
