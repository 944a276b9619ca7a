"""When work that must not be left undone is asked for again."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.config import AutomationSettings
from mlreg_dagster.orchestration.instance import repeated_requests, runs
from mlreg_dagster.orchestration.instance.repeated_requests import RUN_KEY, UNTIL_DONE, next_turn, outlook

MINUTE = pd.Timedelta(minutes=1)


@dg.op
def work(context):
    if "fails" in context.run.tags:
        raise ValueError("not this time")


@dg.job
def rollout():
    work()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def done(instance, run_key, *tags):
    tags = {**dict.fromkeys(tags, "yes"), RUN_KEY: run_key, UNTIL_DONE: "yes", "dagster/sensor_name": "a_sensor"}
    return rollout.execute_in_process(instance=instance, tags=tags, raise_on_error=False).dagster_run


def turn(instance, monkeypatch, minutes=0):
    now = pd.Timestamp.now(tz="UTC") + minutes * MINUTE
    monkeypatch.setattr(runs, "_now", lambda: now)
    return next_turn(instance, "back", AutomationSettings(ask_again=0), until_done=True)


def test_it_is_asked_for_until_it_is_done_after_ever_longer_pauses(instance, monkeypatch):
    assert turn(instance, monkeypatch).run_key == "back"
    for number, pause in enumerate((10, 20, 40, 60, 60), start=1):
        done(instance, "back" if number == 1 else f"back~{number}", "fails")
        assert "did not do it; it is asked for again at 2" in turn(instance, monkeypatch, pause - 1).reason
        assert turn(instance, monkeypatch, pause + 1).run_key == f"back~{number + 1}"


def test_a_run_that_succeeded_and_moved_nothing_is_no_end(instance, monkeypatch):
    done(instance, "back")
    assert turn(instance, monkeypatch, 1).run_key is None
    assert turn(instance, monkeypatch, 11).run_key == "back~2"


def test_a_notice_of_a_cancelled_run_says_so(instance, monkeypatch):
    run = done(instance, "back", "fails")
    turn(instance, monkeypatch)
    assert "it is asked for again at 2" in outlook(instance, run, AutomationSettings(ask_again=0))


def test_other_work_that_failed_is_left_to_people(instance):
    done(instance, "back", "fails")
    assert "is not tried again by itself" in next_turn(instance, "back", AutomationSettings()).reason
    assert repeated_requests.base_of("back~3") == "back"
