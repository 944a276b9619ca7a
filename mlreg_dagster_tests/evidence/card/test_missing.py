"""What a card misses, in the section that lacks it."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.reproduction import Reproduction
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster_tests.evidence.cards import card_of, under
from mlreg_dagster_tests.lifecycle import DUE, LIVE


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
    "harms",
    [
        {
            other_holdout: {"gate_02_lineage": "eval_holdout 2026-01-04 can't be used"},
            tampered_artifact: {"gate_05_serving": "manifest.json: expected"},
            lost_outcomes: {"gate_06_monitoring": "12 predictions could have an outcome and have none"},
            no_way_back: {"gate_07_rollback": "v1, the champion before, can't take over"},
        },
        {
            no_dataset: {
                "gate_02_lineage": "There is no bundle training_dataset/2026-01-04",
                "gate_08_reproducibility": "The dataset that it was trained on can't be used (section 2).",
            },
            edited_reason: {"gate_04_promotion": "it was edited", "gate_07_rollback": "the audit log does not fit"},
        },
    ],
    ids=lambda harms: ", ".join(harm.__name__ for harm in harms),
)
def test_what_is_harmed_is_missed_in_its_section(live, harms):
    for harm in harms:
        harm(live)
    missing = card_of(live, "v2").missing
    expected = {gate: words for each in harms.values() for gate, words in each.items()}
    assert list(missing) == [*sorted(expected), "gate_10_bundle"]
    for gate, words in expected.items():
        (said,) = missing[gate]  # of its own harm, and of no other
        assert words in said


@pytest.mark.parametrize(
    ("changes", "gates", "words"),
    [
        ({"contacts": ()}, ["gate_01_use_case", "gate_09_operations"], "built under another use case"),
        ({"success": ()}, ["gate_01_use_case"], "built under another use case"),
        (
            {"risk_tier": "high"},
            ["gate_01_use_case", "gate_02_lineage", "gate_03_evaluation", "gate_04_promotion", "gate_09_operations"],
            "built under another use case",
        ),
    ],
)
def test_what_the_use_case_lacks_or_asks_for_is_missed(champion, changes, gates, words):
    missing = make_card(under(champion[1], **changes)).missing
    assert list(missing) == [*gates, "gate_10_bundle"]
    assert words in missing["gate_01_use_case"][0]


def test_whom_to_call_and_what_success_is_must_be_said(champion):
    missing = make_card(under(champion[1], contacts=(), success=(), worth=None)).missing
    assert missing["gate_09_operations"] == ("use_case.yaml names no contact for incidents.",)
    assert "use_case.yaml names no metric of success, and asks for no worth." in missing["gate_01_use_case"]


def test_a_version_that_was_moved_under_the_new_use_case_is_bound_to_it(champion):
    context = under(champion[1], objective="something else")
    assert list(make_card(context).missing) == ["gate_01_use_case", "gate_10_bundle"]
    moves = [
        replace(context.moves[0], evidence={**context.moves[0].evidence, "use_case_sha256": context.use_case.sha256})
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
