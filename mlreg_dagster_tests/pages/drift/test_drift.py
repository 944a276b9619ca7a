"""Drift on its pages: states by day, decisions, families apart; unknown is not stable, later days are hidden."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from mlreg_dagster.evidence.weekly import drift as weekly
from mlreg_dagster.evidence.weekly.week import Days
from mlreg_dagster.monitoring.drift.schema import DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.response.stored import rows_of
from mlreg_dagster.pages.drift.day import facts as day_facts
from mlreg_dagster.pages.drift.facts import DAYS, facts, tables_of
from mlreg_dagster.pages.page import NotThere, Unclear
from mlreg_dagster_tests.monitoring.response.days import FIRST, days, decided, on
from mlreg_dagster_tests.pages.alerts.test_alerts import happens
from mlreg_dagster_tests.pages.hour.builders import rendered, view_of
from mlreg_dagster_tests.registry.builders import register

_DAY = pd.Timedelta(days=1)
START = pd.Timestamp(FIRST, tz="UTC")
NOT_ENOUGH = {"enough": False}
WATCHED = {"fast": True, "reasons": ("features: <i>jump</i> is far.",)}
ENOUGH = {"feature": "<i>jump</i>", "reference": "v1", "hours": 24, "quiet_days": 9, "enough": True, "quiet": True,
          "short_memory": True, "wanders": False, "location_z": -7.5, "spread_z": 1.0}  # fmt: skip


def stored():
    """Quiet, unknown, nothing, watch: the third day was not judged."""
    decisions = [each for each in decided(days({}, NOT_ENOUGH, {}, WATCHED)) if each.facts.day != on(2).day]
    features = [
        {**ENOUGH, "day": START + 3 * _DAY},
        {**ENOUGH, "day": START + 3 * _DAY, "feature": "calm", "location_z": 0.1},
        {**ENOUGH, "day": START + _DAY, "enough": False, "location_z": None, "spread_z": None},
    ]
    quality = {"measure": "null_share", "value": 0.2, "bad": 0.1, "severe": 0.3, "quality": "bad", "detail": "a"}
    flags = {"model_version": "v1", "is_newest": True, "state": "unknown", "sentence": "Too few rows."}
    return {
        "drift_decision": rows_of(decisions),
        FEATURE_DRIFT.name: pd.DataFrame(features),
        DATA_QUALITY_DRIFT.name: pd.DataFrame([{**quality, "day": START + 3 * _DAY}]),
        PREDICTION_DRIFT.name: pd.DataFrame([{**flags, "day": START + 3 * _DAY}]),
    }


@pytest.fixture
def view(tmp_path):
    return view_of(tmp_path, stored())


def test_days_that_are_unknown_or_were_not_judged_are_not_stable(view):
    found = facts(view)
    assert [each.state for each in found.days] == ["watch", None, "unknown", "stable"]
    newest, *_, first = found.days
    assert (newest.quality, newest.features, newest.feature) == ("bad", 7.5, "<i>jump</i>")
    assert (newest.predictions, newest.concept) == ("unknown", None)
    assert (found.days[2].features, first.quality) == (None, None)
    page = " ".join(rendered("drift", view).split())
    for word in ("unknown", "not judged"):
        assert f'<span class="state unsure">{word}</span>' in page
        assert f'<span class="state good">{word}</span>' not in page
    assert "<i>jump" not in page
    assert "&lt;i&gt;jump" in page


def test_families_are_those_of_the_weekly_report(view):
    span, tables = Days(pd.date_range(START, periods=4, freq="D", unit="us")), tables_of(view)
    quality, features, predictions, concept = facts(view).families
    assert quality == weekly.data_quality(tables, span)
    assert features == weekly.features(tables, span, drawn=False)
    assert (predictions, concept) == (weekly.predictions(tables, span), weekly.concept(tables, span))
    assert [each.state for each in (quality, features, predictions, concept)] == [
        "needs attention", "unknown", "unknown", "unknown",
    ]  # fmt: skip


def test_the_newest_decision_names_what_it_led_to(view):
    cause = facts(view).newest.decision["cause"]
    manifest = {"features": ["a"], "cause": {"key": cause, "trigger": "drift"}}
    register(view.registry, "v1", manifest=manifest, created_at=START)
    happens(view.registry, "scores")
    found = facts(view).newest
    assert found.trained == ("v1",)
    assert [(each["rule"], each["state"]) for each in found.alerts] == [("drift_watch", "firing")]
    assert found.facts["fast"] is True
    assert found.facts["reasons"] == list(WATCHED["reasons"])
    assert "/alerts?rule=drift_watch" in rendered("drift", view)


@pytest.mark.parametrize(("hours", "states"), [(95, [None, "unknown", "stable"]), (47, ["stable"])])
def test_days_that_had_not_ended_are_hidden(view, hours, states):
    past = replace(view, as_of=START + timedelta(hours=hours), is_past=True)
    found = facts(past)
    assert [each.state for each in found.days] == states[-len(found.days) :]
    assert found.newest.decision["state"] == next(each for each in states if each)
    with pytest.raises(NotThere, match="had not ended"):
        day_facts(past, "2026-01-04")


def test_a_day_shows_every_number_of_its_families(view):
    found = day_facts(view, "2026-01-04")
    assert [each["feature"] for each in found.features] == ["<i>jump</i>", "calm"]
    assert (len(found.quality), len(found.predictions), found.concept) == (1, 1, ())
    assert found.decision.decision["state"] == "watch"
    page = rendered("drift_day", view, day="2026-01-04")
    assert "<i>jump" not in page
    nothing = day_facts(view, "2026-01-03")
    assert (nothing.decision, nothing.features) == (None, ())
    assert "not judged is not stable" in rendered("drift_day", view, day="2026-01-03")


def test_what_is_no_day_is_refused(view):
    with pytest.raises(Unclear, match="is no day"):
        day_facts(view, "2026-01-04T12:00")
    with pytest.raises(Unclear, match="There is no page"):
        facts(replace(view, query={"page": "2"}))


def test_weeks_are_paged(tmp_path):
    many = view_of(tmp_path, {"drift_decision": rows_of(decided(days(*[{}] * (DAYS + 2))))})
    first, second = facts(many), facts(replace(many, query={"page": "2"}))
    assert (first.pages, len(first.days), len(second.days)) == (2, DAYS, 2)
    assert second.newest == first.newest


def test_without_a_decision_nothing_is_called_stable(tmp_path):
    view = view_of(tmp_path, {})
    assert facts(view).newest is None
    assert '<span class="state unsure">not judged</span>' in rendered("drift", view)
    assert 'class="state good"' not in rendered("drift", view)
