"""Which trainings are due for a cause: once for each, within the budget, on data that will do."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.automation.retraining.causes import (
    CausedTraining,
    budget_left,
    causes_of,
    model_for,
    training_for_volume,
    trainings_for_drift,
)
from mlreg_dagster.config import ModelSettings, ResponseSettings, RetrainingSettings
from mlreg_dagster.models.manifests import recorded_settings
from mlreg_dagster.registry import DriftDecision, ModelVersion

NOW = pd.Timestamp("2026-02-10 00:40", tz="UTC")
DAY = pd.Timedelta(days=1)
LIMITS = ResponseSettings()
MODELS = {"model": ModelSettings(), "model_lof": ModelSettings(detector="local_outlier_factor", params={})}


def decision(number, day="2026-02-09", action="retrain", cause="data-sudden-2026-01-25-v1", **changes):
    content = {
        "champion": "v1", "state": "responding", "family": "data", "table_row": 10, "leave_out": (), "facts": {},
        "threshold": None, "effective_at": NOW, "actor": "automation", "reason": "it drifts", "recorded_at": NOW,
        "run_id": None,
    }  # fmt: skip
    return DriftDecision(id=number, day=day, action=action, cause=cause, **content | changes)


def version(number=1, cause=None, days_ago=10.0, dataset_day="2026-01-20", model="model"):
    manifest = {"settings": recorded_settings(MODELS[model])}
    if cause:
        manifest["cause"] = {"trigger": cause.split("-")[0], "key": cause, "reason": "a test"}
    created = NOW - days_ago * DAY
    return ModelVersion(f"v{number}", created, "automation", None, "x", dataset_day, "0" * 64, "0" * 64, manifest)


def due(*decisions, versions=(), now=NOW):
    return trainings_for_drift(decisions, versions, "model", now, LIMITS)


def test_a_decision_that_trains_is_due_until_a_version_was_trained_for_it():
    (found,) = due(decision(1))
    assert (found.trigger, found.key, found.reason) == ("drift", "data-sudden-2026-01-25-v1", "it drifts")
    assert due(decision(1), versions=[version(2, found.key)]) == []
    assert due(decision(1, action="adapt_threshold")) == []


def test_a_champion_that_is_worse_trains_by_performance():
    assert due(decision(1, cause="concept-worse-2026-02-08-v1"))[0].trigger == "performance"


def test_what_a_later_record_of_the_day_takes_back_is_not_due():
    assert due(decision(1), decision(2, action="none", state="watch")) == []


def test_the_same_cause_on_two_days_is_one_training():
    assert len(due(decision(1, day="2026-02-08"), decision(2))) == 1


def test_what_was_asked_for_long_ago_is_over():
    assert due(decision(1), now=NOW + 8 * DAY) == []
    assert due(decision(1), now=NOW + 6 * DAY)


def test_it_waits_for_the_data_of_its_day_and_takes_no_bad_days():
    training = CausedTraining("drift", "k", "why", "model", "2026-02-09", ("2026-02-05",))
    hours = ["2026-02-04T23:00Z", "2026-02-06T00:00Z"]
    assert training.waits_for("2026-02-09", hours) is None
    assert "waits for the dataset of 2026-02-09" in training.waits_for("2026-02-08", hours)
    assert "2026-02-05" in training.waits_for("2026-02-09", [*hours, "2026-02-05T10:00Z"])


@given(st.lists(st.tuples(st.sampled_from(["drift-a", "manual-b", "volume-c", None]), st.floats(0, 60)), max_size=6))
def test_the_budget_counts_what_automation_trained_beside_the_schedule(trained):
    versions = [version(number, cause, days_ago) for number, (cause, days_ago) in enumerate(trained, start=1)]
    spent = sum(cause in ("drift-a", "volume-c") and ago < LIMITS.budget_days for cause, ago in trained)
    assert budget_left(versions, NOW, LIMITS) == LIMITS.trainings - spent


def by_volume(rows, share, settings, versions=None):
    versions = versions or [version()]
    wanted = RetrainingSettings(volume=settings)
    return training_for_volume(versions[0], versions, rows, share, "model", "2026-02-09", wanted, LIMITS)


def test_much_new_data_trains_once_for_a_champion():
    assert by_volume(10**9, 1.0, {}) is None  # off, unless it is asked for
    found = by_volume(100, 0.0, {"rows": 100})
    assert (found.trigger, found.key) == ("volume", "volume-v1")
    assert "100 rows are new since v1 was trained" in found.reason
    assert by_volume(99, 0.0, {"rows": 100}) is None
    assert by_volume(0, 0.3, {"instruments_share": 0.3}).reason.startswith("30% of the instruments are new")
    assert by_volume(0, 0.29, {"instruments_share": 0.3}) is None
    assert by_volume(100, 0.0, {"rows": 100}, [version(), version(2, "volume-v1")]) is None


def test_not_soon_after_another_training():
    trained = [version(), version(2, dataset_day="2026-02-03")]
    assert by_volume(100, 0.0, {"rows": 100}, trained) is None
    assert by_volume(100, 0.0, {"rows": 100}, [version(), version(2, dataset_day="2026-02-02")])


@pytest.mark.parametrize(("champion", "models", "expected"), [
    (None, ("model", "model_lof"), "model"),
    (version(model="model_lof"), ("model", "model_lof"), "model_lof"),
    (version(model="model_lof"), ("model",), "model"),
])  # fmt: skip
def test_the_champions_own_file_is_trained_where_it_is_retrained(champion, models, expected):
    assert model_for(champion, MODELS, RetrainingSettings(models=models)) == expected


def test_causes_are_those_of_manifests():
    assert causes_of([version(), version(2, "drift-x")]) == {"drift-x"}
