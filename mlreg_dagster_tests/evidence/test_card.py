"""Ten sections, each of which says what is so, and what is missing."""

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.context import Watch
from mlreg_dagster.evidence.card.elements import GATES, SECTIONS, Table, Text, Values
from mlreg_dagster.evidence.rendering import to_html
from mlreg_dagster.evidence.reproduction import Reproduction
from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.outcomes.flagged_share import flagged_share
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.evidence.cards import card_of, context_of, with_use_case
from mlreg_dagster_tests.lifecycle import DATASET_DAY, DUE, DUE_HOURS, LIVE, LIVE_HOURS, NOW, START, Lifecycle


@pytest.fixture(scope="module")
def champion(live_home, tmp_path_factory):
    """The champion of a world that no test changes, trained again as well."""
    home = tmp_path_factory.mktemp("card") / "home"
    shutil.copytree(live_home, home)
    return Lifecycle(home), context_of(Lifecycle(home), "v2", verify=True)


def facts(card, key, title):
    """The values or rows under a title that begins so."""
    section = next(each for each in card.sections if each.key == key)
    for fact in section.facts:
        if isinstance(fact, Values | Table) and fact.title.startswith(title):
            return dict(fact.values) if isinstance(fact, Values) else list(fact.rows)
    raise AssertionError(f"no {title} in {key}")


# --- what is complete ----------------------------------------------------------------------------------------


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


def test_a_rejected_version_has_its_evidence_too(trained):
    card = card_of(trained, "v3")
    assert card.missing == {}
    assert "FAILED its gates and holds no alias now" in card.headline
    assert card.against == ("v3 failed its gates: injection_average_precision.",)
    assert card.state == section(card, "evaluation").state == "against"
    assert _looks_good(card) is False
    assert card.answers["Who promoted it?"].startswith("No one")
    assert card.answers["How good since?"].startswith("Not known")
    assert card.answers["How to undo it?"] == "nothing: it is not champion"


def test_decisions_and_moves_stand_in_the_card(live):
    decide(
        live.registry,
        DecisionRequest("approval", "v2"),
        Attribution("anna", pd.Timestamp(NOW, tz="UTC"), "looked at the false alarms"),
        live.settings.promotion,
    )
    card = card_of(live, "v2")
    (said,) = facts(card, "promotion", "Approvals")
    assert (said["by"], said["reason"], said["signed"]) == ("anna", "looked at the false alarms", False)
    (move,) = facts(card, "promotion", "Moves")
    assert (move["before"], move["by"], move["reason"]) == ("v1", "tester", "a test wants it")
    assert facts(card, "promotion", "Evidence of the move")["verdict.outcome"] == "promote"


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
    card = make_card(champion[1])
    lift, false_alarms = facts(card, "monitoring", "Whether the use case is met")
    assert (lift["metric"], lift["value"], lift["verdict"]) == ("lift", 2.0, "met, but its interval does not tell")
    assert (false_alarms["metric"], false_alarms["verdict"]) == ("false_alarm_rate", "met")
    rates = {row["rate"]: row for row in facts(card, "monitoring", "How good since")}
    assert rates["recall"]["low"] < rates["recall"]["value"] == 3 / 24 < rates["recall"]["high"]


def test_a_challenger_is_held_against_the_champion_on_the_predictions_of_both(trained):
    trained.promote("v1", LIVE)
    trained.promote("v2", LIVE, alias="challenger")
    trained.run_hours(jobs.PREDICTIONS, LIVE_HOURS)
    trained.run_hours(jobs.OUTCOMES, DUE_HOURS)
    card = card_of(trained, "v2")
    assert card.missing == {}
    rows = facts(card, "monitoring", "v2 against v1, on 288 predictions of both, of 12 instruments")
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


# --- what speaks against it, and what is not known ------------------------------------------------------------


def section(card, key):
    return next(each for each in card.sections if each.key == key)


def _looks_good(card):
    """Whether what one sees first is green."""
    (colour,) = re.findall(r'<h1>[^<]*<span class="state (\w+)">', to_html(card))
    return colour == "good"


def test_a_card_is_not_green_while_a_sentence_on_it_says_otherwise(champion):
    card = make_card(champion[1])
    assert (card.missing, card.against, card.state) == ({}, (), "unknown")
    assert not _looks_good(card)
    assert "Drift is not measured" in section(card, "monitoring").unknown[0]
    assert "The use case's lift is met, but its interval does not tell." in section(card, "monitoring").unknown
    assert card.headline.endswith("Not everything is known: see section 6.")
    complete = [each.key for each in card.sections if each.state == "complete"]
    assert complete == [key for key in SECTIONS if key not in ("monitoring", "bundle")]
    for part, each in zip(re.split(r"<h2 ", to_html(card))[1:], card.sections, strict=True):
        assert ('class="state good"' in part) == (each.state == "complete")
        sentences = " ".join(fact.text for fact in each.facts if isinstance(fact, Text))
        assert each.state != "complete" or not re.search("not (measured|known|tried|tell)", sentences), each.key


def test_what_was_not_tried_is_not_known(champion):
    card = make_card(replace(champion[1], reproduction=None))
    assert section(card, "reproducibility").state == "unknown"
    assert "It was not trained again for this card" in section(card, "reproducibility").unknown[0]
    assert card.headline.endswith("see section 6, 8.")


def test_a_champion_that_flags_too_much_has_it_in_its_headline(champion):
    live, context = champion
    limits = live.settings.evaluation.model_copy(update={"max_anomaly_rate": 0.02})
    flagged = flagged_share(live.warehouse, limits)
    card = make_card(replace(context, flagged=flagged))
    assert (card.state, card.against) == ("against", (flagged.text,))
    assert f"Against it: {flagged.text}" in card.headline
    assert not _looks_good(card)
    unsure = replace(flagged, state="unknown")
    assert flagged.text in section(make_card(replace(context, flagged=unsure)), "monitoring").unknown


def test_the_flagged_share_is_that_of_the_champion_alone(live):
    assert context_of(live, "v1").flagged is None
    assert context_of(live, "v2").flagged.state == "within"
    live.promote("v1", DUE)
    assert context_of(live, "v2").flagged is None
    found = context_of(live, "v1").flagged
    assert found.state == "unknown"
    assert found.text.startswith("Not known: v1 has not scored the newest hour yet.")


def test_success_that_is_not_met_and_checks_that_failed_speak_against_it(champion):
    live, context = champion
    asked = (SuccessMetric(metric="false_alarm_rate", at_most=0.001),)
    failed = {"asset": "predictions", "check": "flagged", "last result": "FAILED", "recorded": "now"}
    own = {"asset": "delivery_bundle", "check": "gate_06_monitoring", "last result": "FAILED", "recorded": "now"}
    settings = with_use_case(live, success=asked)
    card = make_card(replace(context, settings=settings, watch=Watch(checks=[failed, own])))
    assert card.against == (
        "The use case's false_alarm_rate is NOT met.",
        "The check flagged of predictions failed last, at now.",
    )


# --- what is missing -----------------------------------------------------------------------------------------


def tampered_artifact(world):
    world.tamper("v2")


def no_dataset(world):
    shutil.rmtree(world.home / "artifacts" / "training_dataset" / "2026-01-04")


def other_holdout(world):
    rows = world.home / "artifacts" / "eval_holdout" / "2026-01-04" / "rows.parquet"
    rows.write_bytes(rows.read_bytes()[:-1])


def edited_reason(world):
    with closing(sqlite3.connect(world.home / "registry.sqlite")) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE alias_events SET reason = 'the board asked for it' WHERE version = 'v2'")


def lost_outcomes(world):
    world.warehouse.write(PREDICTION_OUTCOMES, PREDICTION_OUTCOMES.empty(), [DUE + pd.Timedelta(hours=20)])


def no_way_back(world):
    world.tamper("v1")


@pytest.mark.parametrize(
    ("harm", "gates", "words"),
    [
        (tampered_artifact, ["gate_05_serving"], "manifest.json: expected"),
        (no_dataset, ["gate_02_lineage", "gate_08_reproducibility"], "There is no bundle training_dataset/2026-01-04"),
        (other_holdout, ["gate_02_lineage"], "eval_holdout 2026-01-04 can't be used"),
        (edited_reason, ["gate_04_promotion"], "it was edited"),
        (lost_outcomes, ["gate_06_monitoring"], "12 predictions could have an outcome and have none"),
        (no_way_back, ["gate_07_rollback"], "v1, the champion before, can't take over"),
    ],
)
def test_what_is_harmed_is_missed_in_its_section(live, harm, gates, words):
    harm(live)
    missing = card_of(live, "v2").missing
    assert list(missing) == [*gates, "gate_10_bundle"]
    assert words in missing[gates[0]][0]


def test_a_way_back_that_was_rejected_since_is_none(live):
    decide(
        live.registry,
        DecisionRequest("rejection", "v1"),
        Attribution("anna", pd.Timestamp(NOW, tz="UTC"), "trained on the outage"),
        live.settings.promotion,
    )
    card = card_of(live, "v2")
    assert card.missing["gate_07_rollback"] == ("v1, the champion before, has been rejected by anna.",)
    assert card.answers["How to undo it?"].startswith("mlreg rollback v1")
    assert card.answers["How to undo it?"].endswith("rejected by anna.")


@pytest.mark.parametrize(
    ("changes", "gates", "words"),
    [
        ({"contacts": ()}, ["gate_01_use_case", "gate_09_operations"], "built under another use case"),
        ({"success": ()}, ["gate_01_use_case"], "built under another use case"),
        (
            {"risk_tier": "high"},
            ["gate_01_use_case", "gate_03_evaluation", "gate_09_operations"],
            "built under another use case",
        ),
    ],
)
def test_what_the_use_case_lacks_or_asks_for_is_missed(champion, changes, gates, words):
    live, context = champion
    missing = make_card(replace(context, settings=with_use_case(live, **changes))).missing
    assert list(missing) == [*gates, "gate_10_bundle"]
    assert words in missing["gate_01_use_case"][0]


def test_whom_to_call_and_what_success_is_must_be_said(champion):
    live, context = champion
    missing = make_card(replace(context, settings=with_use_case(live, contacts=(), success=()))).missing
    assert missing["gate_09_operations"] == ("use_case.yaml names no contact for incidents.",)
    assert "use_case.yaml names no metric of success." in missing["gate_01_use_case"]


def test_a_version_that_was_moved_under_the_new_use_case_is_bound_to_it(champion):
    settings = with_use_case(champion[0], objective="something else")
    context = replace(champion[1], settings=settings)
    assert list(make_card(context).missing) == ["gate_01_use_case", "gate_10_bundle"]
    moves = [
        replace(context.moves[0], evidence={**context.moves[0].evidence, "use_case_sha256": settings.use_case.sha256})
    ]
    assert make_card(replace(context, moves=moves)).missing == {}


def test_a_move_without_a_policy_is_missed(champion):
    context = champion[1]
    card = make_card(replace(context, moves=[replace(context.moves[0], evidence={})]))
    assert "keeps no evidence of a policy" in card.missing["gate_04_promotion"][0]


def test_a_first_champion_has_no_way_back_and_must_predict(trained):
    trained.promote("v1", LIVE)
    card = card_of(trained, "v1")
    missing = card.missing
    assert card.answers["How to undo it?"] == "No champion before v1 remains: there is nothing to go back to."
    assert list(missing) == ["gate_06_monitoring", "gate_07_rollback", "gate_10_bundle"]
    assert missing["gate_07_rollback"] == ("No champion before v1 remains: there is nothing to go back to.",)
    assert "has made no prediction" in missing["gate_06_monitoring"][0]


def test_a_version_that_was_never_evaluated_is_missed(trained):
    version = trained.train({"model": "model", "actor": "tester"})
    card = card_of(trained, version)
    missing = card.missing
    assert "was never evaluated and holds no alias now" in card.headline
    assert missing["gate_03_evaluation"] == (f"{version} was never evaluated.",)
    assert missing["gate_10_bundle"] == ("Section 3 is incomplete: Training and evaluation.",)


def test_a_version_that_scores_otherwise_when_trained_again_is_missed(champion):
    other = Reproduction("v2", rows=563, largest_difference=0.25, thresholds=(1.7, 1.7), libraries=())
    missing = make_card(replace(champion[1], reproduction=other)).missing
    assert missing["gate_08_reproducibility"] == ("Trained again it scores otherwise, by up to 0.25.",)


def test_other_libraries_are_missed_until_training_again_gives_the_same(champion, monkeypatch):
    context, now = champion[1], artifact.library_versions()
    monkeypatch.setattr(artifact, "library_versions", lambda: {**now, "numpy": "9.9"})
    assert make_card(context).missing == {}  # it was trained again, and scores the same
    (said,) = make_card(replace(context, reproduction=None)).missing["gate_08_reproducibility"]
    assert f"numpy {now['numpy']} → 9.9" in said
    assert "mlreg retrain --verify v2" in said


def test_identical_training_rows_are_told(champion):
    assert facts(make_card(champion[1]), "evaluation", "Training")["rows identical to an earlier one"] == 0


def test_what_a_move_rests_on_that_a_reader_must_know_speaks_against_it(champion):
    live, context = champion
    (move,) = context.moves[-1:]
    told = {
        "departures": ["max_anomaly_rate was 1.0 instead of 0.2"],
        "failed_before": ["evaluation 1 failed score_gap under other settings"],
        "changed_hours": 24,
    }
    evidence = {**move.evidence, "facts": {**move.evidence["facts"], **told}}
    card = make_card(replace(context, moves=[replace(move, evidence=evidence)]))
    for said in (
        "on an evaluation that was not done as configured: max_anomaly_rate was 1.0 instead of 0.2.",
        "although evaluation 1 failed score_gap under other settings.",
        "although 24 hours of its training data had changed since they were frozen.",
    ):
        assert said in card.headline
        assert said in card.answers["Who promoted it?"]
    assert live.registry.holder("champion").version == "v2"


def test_an_experiment_is_shown_as_one_and_leaves_the_headline_alone(live):
    live.attempt("evaluated_model", key="v3", config={"overrides": {"min_average_precision_margin": -1.0}})
    card = card_of(live, "v3")
    assert "FAILED its gates" in card.headline
    titles = [
        fact.title
        for fact in next(each for each in card.sections if each.key == "evaluation").facts
        if hasattr(fact, "title")
    ]
    assert any(
        "an experiment that admits nothing (min_average_precision_margin was -1.0 instead of 0.0)" in each
        for each in titles
    )
