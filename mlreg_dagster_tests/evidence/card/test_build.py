"""Ten sections, each of which says what is so."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config import UseCaseSettings
from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.elements import GATES, SECTIONS
from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.evidence.cards import card_of, facts, section, under
from mlreg_dagster_tests.lifecycle import DATASET_DAY, DUE_HOURS, LIVE, LIVE_HOURS, NOW, START, Lifecycle
from mlreg_dagster_tests.outcomes.frames import over_weeks
from mlreg_dagster_tests.registry.builders import open_incident, resume, roll_out, shift, split, suspend


def test_the_champion_is_complete_and_answers_who_was_not_there(champion):
    live, context = champion
    card = make_card(context)
    assert card.missing == {}
    assert [section.key for section in card.sections] == list(SECTIONS)
    assert [section.gate for section in card.sections] == list(GATES)
    version = live.registry.version("v2")
    assert "563 rows of 5 features from 2026-01-02 00:00" in card.answers["What data?"]
    assert version.dataset_sha256[:12] in card.answers["What data?"]
    assert "all passed" in card.answers["Which checks?"]
    assert "silhouette" in card.answers["Which checks?"]
    assert "tester made it champion from 2026-01-05 12:00 UTC on" in card.answers["Who promoted it?"]
    assert "a test wants it" in card.answers["Why?"]
    assert "Of 144 predictions with an outcome" in card.answers["How good since?"]
    assert card.answers["How to undo it?"] == 'mlreg rollback v1 --reason "…"'
    assert facts(card, "reproducibility", "Trained again")["the same to the last bit"] is True


@pytest.fixture(scope="module")
def governed(live_home, tmp_path_factory):
    """Cards of v1 and v2 as governance goes on: while a rollout, a suspension and incidents are open; then after."""
    live = Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("governed") / "home"))
    at = {"time": pd.Timestamp(NOW, tz="UTC")}
    approval = Attribution("anna", at["time"], "looked at the false alarms")
    decide(live.registry, DecisionRequest("approval", "v2"), approval, live.settings.promotion)
    open_incident(live.registry, title="All flags are odd", **at)
    open_incident(live.registry, title="v1 is odd", facts={"versions": ["v1"]}, **at)
    roll_out(live.registry, "v1", **at)
    shift(live.registry, split(), **at)
    suspend(live.registry, **at)
    during = {version: card_of(live, version) for version in ("v1", "v2")}
    shift(live.registry, split("rolled_back", 0, "roll_back"), reason="half of its answers were errors", **at)
    resume(live.registry, **at)
    return during, {version: card_of(live, version) for version in ("v1", "v2")}


def test_decisions_and_moves_stand_in_the_card(governed):
    card = governed[0]["v2"]
    (said,) = facts(card, "promotion", "Approvals")
    assert (said["by"], said["reason"], said["signed"]) == ("anna", "looked at the false alarms", False)
    (move,) = facts(card, "promotion", "Moves")
    assert (move["before"], move["by"], move["reason"]) == ("v1", "tester", "a test wants it")
    assert facts(card, "promotion", "Evidence of the move")["verdict.outcome"] == "promote"


def test_rollouts_stand_in_the_card_and_one_that_was_rolled_back_speaks_against_it(champion, governed):
    during, after = governed
    rows = facts(during["v1"], "serving", "Rollouts")
    assert [(row["state"], row["share of the traffic"], row["in place of"]) for row in rows] == [
        ("staging", "0 %", "v2"),
        ("canary 5", "5 %", "v2"),
    ]
    assert section(during["v1"], "serving").against == ()
    (sentence,) = section(after["v1"], "serving").against
    assert sentence in after["v1"].headline
    assert sentence.endswith("half of its answers were errors")
    for card in (make_card(champion[1]), during["v2"], after["v2"]):
        assert facts(card, "serving", "Rollouts") == []


def test_a_suspension_stands_in_the_card_and_in_its_headline_while_it_holds(champion, governed):
    during, after = governed
    (row,) = facts(during["v2"], "promotion", "Suspensions")
    assert (row["event"], row["holder"], row["by"], row["signed"]) == ("suspended", "v2", "carla", False)
    (sentence,) = [each for each in section(during["v2"], "promotion").against if "suspended" in each]
    assert sentence.endswith("by carla: it flags all. It does not score.")
    assert sentence in during["v2"].headline
    assert len(facts(after["v2"], "promotion", "Suspensions")) == 2
    assert "is suspended" not in after["v2"].headline
    for card in (make_card(champion[1]), during["v1"]):
        assert facts(card, "promotion", "Suspensions") == []


def test_incidents_that_name_a_version_or_none_stand_in_its_card(governed):
    during, _ = governed
    assert [row["title"] for row in facts(during["v1"], "operations", "Incidents")] == [
        "All flags are odd",
        "v1 is odd",
    ]
    (row,) = facts(during["v2"], "operations", "Incidents")
    assert (row["title"], row["state"], row["over"]) == ("All flags are odd", "open", None)


def test_why_it_flagged_and_which_features_matter_stand_in_the_card(champion):
    live, context = champion
    card = make_card(context)
    stored = live.warehouse.read(PREDICTION_REASONS)
    first = stored[(stored["model_version"] == "v2") & (stored["rank"] == 1)]["family"].value_counts()
    rows = facts(card, "monitoring", "Why it flagged, by family of features")
    assert {row["family"]: row["first reason"] for row in rows if row["first reason"]} == first.to_dict()
    recorded = live.registry.latest_evaluation("v2").metrics["importance"]["families"]
    shown = facts(card, "evaluation", "Families of features")
    assert [(row["family"], row["drop in average precision"]) for row in shown] == [
        (each["family"], each["drop"]) for each in recorded
    ]


def test_a_card_of_before_there_were_reasons_says_how_to_have_them(champion):
    _, context = champion
    card = make_card(replace(context, reasons=context.reasons.iloc[:0]))
    assert "mlreg explain computes them for any row." in str(card.sections)


def test_every_feature_has_its_meaning_and_every_file_its_hash(champion):
    live, context = champion
    card = make_card(context)
    dictionary = facts(card, "lineage", "Data dictionary")
    assert [row["feature"] for row in dictionary] == live.registry.version("v2").manifest["features"]
    assert all(len(row["meaning"]) > 10 for row in dictionary)
    files = {(row["bundle"], row["file"]): row["SHA-256"] for row in facts(card, "bundle", "Files")}
    for kind, key in (("models", "v2"), ("training_dataset", "2026-01-04"), ("eval_holdout", "2026-01-04")):
        for name, digest in live.artifacts.find(kind, key).files.items():
            assert files.pop((f"{kind}/{key}", name)) == digest
    assert files == {}


def test_the_use_case_is_held_against_the_outcomes(champion):
    live, context = champion
    asked = (SuccessMetric(metric="lift", at_least=1.0), *live.settings.use_case.success)
    card = make_card(under(context, success=asked))
    lift, false_alarms = facts(card, "monitoring", "Whether the use case is met")
    assert (lift["metric"], lift["verdict"]) == ("lift", "met, but its interval does not tell")
    assert lift["value"] == pytest.approx(24 / 18)
    assert (false_alarms["metric"], false_alarms["verdict"]) == (
        "false_alarm_rate",
        "met, but its interval does not tell",
    )
    rates = {row["rate"]: row for row in facts(card, "monitoring", "How good since")}
    recall = rates["recall"]
    assert (recall["low"], recall["value"], recall["high"]) == (None, 4 / 24, None)  # of a single day


def test_several_weeks_have_intervals(champion):
    context = champion[1]
    card = make_card(replace(context, outcomes=over_weeks(context.outcomes, 8)))
    rates = {row["rate"]: row for row in facts(card, "monitoring", "How good since")}
    assert rates["recall"]["low"] < rates["recall"]["value"] < rates["recall"]["high"]


def test_how_early_flags_come_is_shown_and_held_against_the_use_case(champion):
    context = champion[1]
    asked = [
        {"metric": "lead_time_hours", "at_least": 1.0},
        {"metric": "flagged_before_fall", "at_least": 0.0},
        {"metric": "lead_time_hours", "at_least": 24.5},
    ]
    card = make_card(under(context, success=UseCaseSettings.model_validate({"success": asked}).success))
    hours, share = facts(card, "monitoring", "How early: ")
    crashes = context.outcomes[context.outcomes["outcome"] == "crash"]
    flagged = crashes[crashes["is_anomaly"]].groupby("instrument_id").first()  # one day: one episode each
    waited = (flagged["crossed_at"] - flagged["prediction_hour"]) / HOUR
    assert (hours["of episodes"], hours["value"]) == (len(flagged), waited.median())
    assert share["value"] == (flagged["fall_6h_pct"] > -5).mean()
    met = facts(card, "monitoring", "Whether the use case is met")
    assert [row["metric"] for row in met] == [row["metric"] for row in asked]
    assert [row["value"] for row in met] == [hours["value"], share["value"], hours["value"]]
    assert [row["verdict"].startswith("met") for row in met] == [True, True, False]


def test_without_a_flagged_crash_it_says_so(champion):
    context = champion[1]
    card = make_card(replace(context, outcomes=context.outcomes.assign(is_anomaly=False)))
    assert "none was flagged: how early its flags come is not known" in str(card.sections)


@pytest.mark.slow
def test_a_challenger_is_held_against_the_champion_on_the_predictions_of_both(trained):
    trained.promote("v1", LIVE)
    trained.promote("v2", LIVE, alias="challenger")
    trained.run_hours(jobs.PREDICTIONS, LIVE_HOURS[:4])
    trained.run_hours(jobs.OUTCOMES, DUE_HOURS[:4])
    card = card_of(trained, "v2")
    assert card.missing == {}
    rows = facts(card, "monitoring", "v2 against v1, on 48 predictions of both, of 12 instruments")
    assert {row["difference in"] for row in rows} == {"informedness", "recall", "precision", "error_rate"}
    assert all(row["verdict"] in ("better", "worse", "not distinguishable") and row["reason"] for row in rows)


@pytest.mark.parametrize(("hour", "kind"), [(START, "training_dataset"), (DATASET_DAY, "eval_holdout")])
def test_hours_that_were_repaired_after_freezing_are_told(live, hour, kind):
    with live.warehouse.connect() as connection:
        connection.execute(
            "UPDATE market_features SET change_1h_pct = 99 WHERE hour BETWEEN $first AND $last",
            {"first": hour + 24 * HOUR if hour == START else hour, "last": hour + 26 * HOUR},
        )
    card = card_of(live, "v2")
    changed = 3 if kind == "training_dataset" else 24
    rows = {row["dataset"]: row for row in facts(card, "lineage", "Their hours in the tables of today")}
    assert rows.pop(f"{kind} 2026-01-04")["hours_changed"] == changed
    assert [row["hours_changed"] for row in rows.values()] == [0]
    (said,) = card.missing["gate_02_lineage"]
    assert said.startswith(f"{changed} of the ")
    assert said in card.answers["What data?"]


def test_identical_training_rows_are_told(champion):
    assert facts(make_card(champion[1]), "evaluation", "Training")["rows identical to an earlier one"] == 0
