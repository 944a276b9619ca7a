"""served_predictions and served_outcomes as assets, their checks, and the performance of answers."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from mlreg_dagster.client import Client
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES, SERVED_PREDICTIONS
from mlreg_dagster.storage.prediction_log import layout_of, sealed_segments
from mlreg_dagster_tests.lifecycle import DUE, LIVE, LIVE_HOURS, metadata, verdicts
from mlreg_dagster_tests.serving.log.answers import answer
from mlreg_dagster_tests.serving.log.segments import write

ASKED = LIVE + 9 * HOUR
ANSWERED = ASKED + HOUR
READ, KNOWN, ONE_OUTCOME = "prediction_log_can_be_read", "served_versions_are_on_record", "one_outcome_an_answer"


def scheduled(world: Any, hour: pd.Timestamp = ASKED) -> pd.DataFrame:
    rows = world.warehouse.read(PREDICTIONS, hour, hour)
    return rows[rows["model_version"] == "v1"].reset_index(drop=True)


def as_answer(world: Any, rows: pd.DataFrame, *, minutes: int = 1, hour: pd.Timestamp = ASKED, **other: Any) -> Any:
    """What the server would have answered for the rows of scheduled predictions."""
    found = answer(
        len(rows),
        at=(hour + HOUR).to_pydatetime() + timedelta(minutes=minutes),
        instruments=tuple(rows["instrument_id"]),
        hours=(hour_key(hour),) * len(rows),
        scores=rows["score"].to_list(),
        threshold=rows["threshold"].iloc[0],
        **other,
    )
    found.served.model.sha256 = world.registry.version("v1").artifact_sha256
    return found


def store(world: Any, *hours: pd.Timestamp) -> Any:
    hours = hours or (ANSWERED,)
    return world.attempt("served_predictions", hours=hour_range(min(hours), max(hours)))


def test_answers_become_rows_and_the_run_says_how_many(live):
    rows = scheduled(live)
    write(live.home, as_answer(live, rows), as_answer(live, rows[:2], minutes=5))
    result = store(live)
    assert verdicts(result) == {READ: True, KNOWN: True}
    stored = live.warehouse.read(SERVED_PREDICTIONS)
    assert len(stored) == len(rows) + 2
    assert set(stored["hour"]) == {ANSWERED}
    said = metadata(result, "served_predictions")
    assert (said["answers"], said["rows"], said["torn"], said["segments_stored"]) == ("2", str(len(stored)), "0", "1")
    assert said["answers_by_hour"].startswith(f"![{len(stored)} rows answered")
    events = result.asset_materializations_for_node("served_predictions")
    numbers = {key: value.value for event in events for key, value in event.metadata.items() if event.partition}
    assert numbers["dagster/partition_row_count"] == len(stored)
    assert numbers["flagged_share"] == pytest.approx(stored["is_anomaly"].mean())


def test_an_hour_without_answers_is_made_and_empty(live):
    assert verdicts(store(live)) == {READ: True, KNOWN: True}
    assert live.warehouse.read(SERVED_PREDICTIONS).empty


def test_torn_and_foreign_lines_and_versions_fail_their_checks(live):
    foreign = as_answer(live, scheduled(live))
    foreign.served.model.sha256 = "f" * 64
    write(live.home, foreign)
    (path,) = sealed_segments(layout_of(live.home))
    path.write_bytes(path.read_bytes() + b'{"record":1,')
    assert verdicts(store(live)) == {READ: False, KNOWN: False}


def test_outcomes_of_answers_are_those_of_scheduled_predictions(live):
    rows = scheduled(live)
    write(live.home, as_answer(live, rows))
    store(live)
    result = live.attempt("served_outcomes", key=hour_key(ASKED + 24 * HOUR))
    assert verdicts(result) == {ONE_OUTCOME: True}
    served = live.warehouse.read(SERVED_OUTCOMES)
    expected = live.warehouse.read(PREDICTION_OUTCOMES, ASKED + 24 * HOUR, ASKED + 24 * HOUR)
    expected = expected[expected["model_version"] == "v1"].reset_index(drop=True)
    shared = [name for name in PREDICTION_OUTCOMES.columns if name in SERVED_OUTCOMES.columns]
    pd.testing.assert_frame_equal(served[shared], expected[shared])


def test_the_first_answer_counts_and_only_once(live):
    rows = scheduled(live)
    later = rows.assign(score=rows["score"] + 1)
    first = as_answer(live, rows, minutes=2)
    write(live.home, as_answer(live, later, minutes=5), first, as_answer(live, later, minutes=3))
    store(live)
    live.attempt("served_outcomes", key=hour_key(ASKED + 24 * HOUR))
    served = live.warehouse.read(SERVED_OUTCOMES)
    assert len(served) == len(rows)
    assert set(served["answer_id"]) == {first.answer_id}
    assert set(served["answers"]) == {3}


def test_what_no_price_can_tell_is_unresolved_and_what_the_model_may_know_is_in_sample(live):
    rows = scheduled(live)[:1]
    before = LIVE - 30 * HOUR
    write(
        live.home,
        as_answer(live, rows.assign(instrument_id="nobody-trades-it")),
        as_answer(live, rows, hour=before),
        answer(at=ANSWERED.to_pydatetime(), version="v99", instruments=("x",), hours=(hour_key(ASKED),)),
        answer(at=ANSWERED.to_pydatetime(), instruments=("x",)),
        answer(at=ANSWERED.to_pydatetime(), hours=(hour_key(ASKED),)),
    )
    store(live, ANSWERED, before + HOUR)
    assert live.attempt("served_outcomes", hours=hour_range(before + 24 * HOUR, ASKED + 24 * HOUR)).success
    served = live.warehouse.read(SERVED_OUTCOMES).set_index("instrument_id")
    assert len(served) == 3
    assert served.loc["nobody-trades-it", ["outcome", "in_sample"]].to_list() == ["unresolved", False]
    assert served.loc[rows["instrument_id"].iloc[0], "in_sample"]
    assert served.loc["x", "in_sample"]  # nothing says what a version that is not on record has seen


def test_served_answers_are_measured_apart_and_change_no_other_number(live):
    live.attempt("model_performance", key=day_key(DUE))
    before = live.warehouse.read(MODEL_PERFORMANCE)
    rows = scheduled(live)
    write(live.home, as_answer(live, rows))
    store(live)
    live.attempt("served_outcomes", hours=LIVE_HOURS + 24 * HOUR)
    assert live.attempt("model_performance", key=day_key(DUE)).success
    after = live.warehouse.read(MODEL_PERFORMANCE)
    served = after[after["model_version"] == "served:v1"]
    assert served["predictions"].to_list() == [len(rows)]
    pd.testing.assert_frame_equal(after.drop(served.index).reset_index(drop=True), before)
    client = Client(live.home)
    assert "served:v1" not in set(client.performance()["model_version"])
    assert len(client.performance(version="served:v1")) == 1
