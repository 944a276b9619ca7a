import pytest

from mlreg_dagster.core import names
from mlreg_dagster.core.display.plotting import as_markdown, new_figure
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.models.plots import score_distribution
from mlreg_dagster.verification import lifecycle
from mlreg_dagster.verification.answers import CheckExecution, Materialization

PICTURE = as_markdown(new_figure(1, 1), "nothing")
CHAMPION = {
    "champion": "v2",
    "moved": "champion: v1 → v2",
    "effective_at": "2026-01-02 03:30 UTC",
    "actor": "ada",
    "reason": "it is better",
}
WRITTEN = dict.fromkeys(names.ASSETS, ())


def made(partition, rows=None, **metadata):
    counted = {} if rows is None else {"dagster/partition_row_count": rows}
    return Materialization(partition, "run", {**counted, **metadata})


def hour(number, rows):
    return made(f"2026-01-02-{number:02d}:00", rows)


def test_no_hour_is_waited_for_until_a_run_has_ended():
    assert lifecycle.hours_have_rows("market_snapshot", WRITTEN, hourly_has_run=False).state == "waiting"
    assert lifecycle.hours_have_rows("market_snapshot", WRITTEN, hourly_has_run=True).state == "miss"


@pytest.mark.parametrize(
    ("asset", "snapshot_rows", "feature_rows", "state"),
    [
        ("market_snapshot", 12, 12, "ok"),
        ("market_snapshot", 0, 0, "miss"),
        ("market_features", 12, 12, "ok"),
        ("market_features", 12, 0, "miss"),
        ("market_features", 0, 0, "ok"),  # the market was closed; the snapshot's own line says what to think of it
    ],
)
def test_the_newest_hour_has_rows(asset, snapshot_rows, feature_rows, state):
    older = (hour(2, 12), hour(1, 12))
    snapshots, features = (hour(3, snapshot_rows), *older), (hour(3, feature_rows), *older)
    written = {**WRITTEN, "market_snapshot": snapshots, "market_features": features}
    assert lifecycle.hours_have_rows(asset, written, hourly_has_run=True).state == state


def test_the_newest_hour_counts_as_it_was_written_last_whatever_was_repaired_since():
    written = {**WRITTEN, "market_snapshot": (hour(1, 0), hour(3, 12), hour(3, 0))}
    assert (
        lifecycle.hours_have_rows("market_snapshot", written, hourly_has_run=True).seen
        == "12 rows in 2026-01-02-03:00."
    )


@pytest.mark.parametrize(
    ("number", "rows", "features", "champion", "state"),
    [
        (4, 12, 12, CHAMPION, "ok"),
        (4, 0, 12, None, "waiting"),  # nobody is champion
        (3, 0, 12, CHAMPION, "waiting"),  # nobody was, as of the hour
        (4, 0, 12, CHAMPION, "miss"),
        (4, 0, 0, CHAMPION, "ok"),  # nothing to score
    ],
)
def test_predictions_are_there_once_somebody_is_champion(number, rows, features, champion, state):
    written = {**WRITTEN, "predictions": (hour(number, rows),), "market_features": (hour(number, features),)}
    move = made(None, **champion) if champion else None
    assert lifecycle.predictions_are_made(written, move).state == state


def test_outcomes_and_datasets_wait_for_hours():
    assert lifecycle.outcomes_are_counted(WRITTEN).state == "waiting"
    assert lifecycle.outcomes_are_counted({**WRITTEN, "prediction_outcomes": (hour(3, 5),)}).state == "ok"
    assert lifecycle.datasets_have_rows(WRITTEN).state == "waiting"


@pytest.mark.parametrize(("training", "holdout", "state"), [(9, 5, "ok"), (9, None, "miss"), (9, 0, "miss")])
def test_both_parts_of_a_dataset_are_there(training, holdout, state):
    parts = {
        "training_dataset": (made("2026-01-02", training),),
        "eval_holdout": () if holdout is None else (made("2026-01-02", holdout),),
    }
    assert lifecycle.datasets_have_rows({**WRITTEN, **parts}).state == state


def test_every_version_has_a_status():
    trained = tuple(made(version) for version in ("v10", "v2", "v1"))
    judged = (made("v1", status="evaluated"), made("v2", status="rejected"), made("v1", status="rejected"))
    written = {**WRITTEN, "candidate_model": trained, "evaluated_model": judged}
    assert lifecycle.versions_have_a_status(WRITTEN).state == "waiting"
    assert lifecycle.versions_have_a_status(written).seen == "v1 evaluated, v2 rejected, v10 candidate."
    assert lifecycle.versions_have_a_status({**written, "evaluated_model": (made("v1"),)}).state == "miss"


def test_the_champion_is_who_moved_there_last_whatever_other_aliases_did():
    other = made(None, **{**CHAMPION, "moved": "stable: nobody → v1"})
    move = made(None, **CHAMPION)
    assert lifecycle.champion_move({**WRITTEN, "champion_model": (other, move)}) == move
    assert lifecycle.champion_move({**WRITTEN, "champion_model": ()}) is None
    seen = lifecycle.champion_is_explained(move).seen
    assert seen == "v2 from 2026-01-02 03:30 UTC on, by ada: it is better."


@pytest.mark.parametrize("name", ["effective_at", "actor", "reason"])
def test_a_champion_without_explanation_is_a_miss(name):
    told = {key: value for key, value in CHAMPION.items() if key != name}
    assert lifecycle.champion_is_explained(made(None, **told)).seen == f"v2, without {name}."
    assert lifecycle.champion_is_explained(None).state == "waiting"


def test_every_gate_of_the_champion_has_succeeded():
    gates = [CheckExecution("evaluated_model", name, "SUCCEEDED", "v2", "ERROR", "") for name in GATES]
    move = made(None, **CHAMPION)
    assert lifecycle.champions_gates_passed(None, []).state == "waiting"
    assert lifecycle.champions_gates_passed(move, gates).state == "ok"
    for number, gate in enumerate(gates):
        others = [*gates[:number], *gates[number + 1 :]]
        failed = CheckExecution("evaluated_model", gate.name, "FAILED", "v2", "ERROR", "")
        assert lifecycle.champions_gates_passed(move, others).seen == f"v2: {gate.name} never."
        assert lifecycle.champions_gates_passed(move, [*others, failed]).seen == f"v2: {gate.name} FAILED."


@pytest.mark.parametrize(
    ("markdown", "state"),
    [
        (PICTURE, "ok"),
        ("_There are no rows to score._", "ok"),
        ("no picture", "miss"),
        (PICTURE.replace("PD94b", "AAAAA"), "miss"),
        (f"{PICTURE[:-80]})", "miss"),
        ("![alt](https://elsewhere/picture.png)", "miss"),
    ],
)
def test_a_picture_can_be_seen(markdown, state):
    described, others = made("v1", picture=markdown, note="text"), made("v2", 12)
    assert lifecycle.picture_is_there("evaluated_model", (others, described)).state == state
    assert lifecycle.picture_is_there("evaluated_model", ()).state == "waiting"


def test_the_project_says_it_in_a_sentence_where_there_is_no_picture():
    assert lifecycle.can_be_seen(score_distribution([], 0.0, "rows"))
