"""mlreg tune: searching, killed and gone on with, shown, refused."""

import importlib.util
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace

import dagster as dg
import pytest
import yaml

from mlreg_dagster import jobs
from mlreg_dagster.cli.tuning import STUDY_TAG
from mlreg_dagster.models.tuning.record import COMPLETE, FAILED, Trial, write_study
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests import killable
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.lifecycle import Lifecycle
from mlreg_dagster_tests.models.tuning.conftest import CHANGES, DAY
from mlreg_dagster_tests.models.tuning.studies import a_study

TRIALS = 6
_PATIENCE_S = 300


@pytest.fixture
def on_tunable(on_trained, own_home, tmp_path):
    """The home of `on_trained` with a dataset that has days enough before it."""
    for name, values in CHANGES.items():
        (tmp_path / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(values))
    with dg.DagsterInstance.get() as instance:
        Lifecycle(own_home, configs=CHANGES, instance=instance).run_partition(jobs.DATASETS, DAY)
    return on_trained


def states(home, name):
    """How many trials have which state, by Optuna's database."""
    try:
        with closing(sqlite3.connect(f"file:{home}/tuning/studies.sqlite?mode=ro", uri=True)) as connection:
            query = "select trials.state from trials join studies using (study_id) where study_name = ?"
            return Counter(state for (state,) in connection.execute(query, (name,)))
    except sqlite3.Error:
        return Counter()


def finished(found):
    return found["COMPLETE"] + found["PRUNED"]


@pytest.mark.slow
def test_a_study_that_was_killed_at_a_random_trial_goes_on_to_exactly_its_number(on_tunable, own_home, tmp_path):
    arguments = ["tune", "--model", "model_forest", "--study", "s", "--trials", str(TRIALS), "--jobs", "2"]
    process = killable.start(arguments, os.environ, tmp_path / "first.txt")
    wanted, deadline = random.randint(1, TRIALS - 4), time.monotonic() + _PATIENCE_S
    while finished(states(own_home, "s")) < wanted:
        assert process.is_alive(), (tmp_path / "first.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = states(own_home, "s")
    assert finished(before) < TRIALS
    answer = on_tunable(*arguments, "--json")
    assert answer.code == 0, answer.err
    found = states(own_home, "s")
    assert finished(found) == TRIALS
    assert found["RUNNING"] == found["WAITING"] == 0
    assert found["FAIL"] <= 2  # those that the two processes worked at
    told = json.loads(answer.out)
    assert told["study"]["finished"] == TRIALS
    assert len({trial["number"] for trial in told["trials"]}) == len(told["trials"])
    assert sum(trial["state"] == FAILED for trial in told["trials"]) == found["FAIL"]
    assert sum(not trial["params"] and trial["state"] != FAILED for trial in told["trials"]) == 1  # the default
    assert told["result"] == on_tunable("tune", "--show", "s").out.splitlines()[-1]


def test_a_finished_study_is_shown(on_trained, own_home):
    write_study(open_artifacts(str(own_home / "artifacts")), a_study())
    answer = on_trained("tune", "--show", "forest")
    assert answer.code == 0
    assert "Study forest: 3 trials of model.yaml (isolation_forest), 33% pruned" in answer.out
    assert "not distinguishable" in answer.out
    assert answer.out.endswith("No gain can be told.\n")


def finished_study(own_home, **changes):
    """A study of the home's forest and dataset, as if it had been searched."""
    default = {
        "detector": "isolation_forest",
        "params": {"n_estimators": 10},
        "features": ["change_1h_pct", "change_24h_pct"],
    }
    trials = (
        Trial(0, {}, COMPLETE, 0.1, 0.1, 0.1, (), 1.0),
        Trial(1, {"params.n_estimators": 5}, COMPLETE, 0.2, 0.2, 0.2, (), 1.0),
    )
    facts = {"model": "model_forest", "default": default, "dataset_day": "2026-01-04", "trials": trials, **changes}
    write_study(open_artifacts(str(own_home / "artifacts")), replace(a_study(), **facts))


@pytest.mark.slow
def test_the_best_becomes_a_version_once_also_after_a_kill(on_trained, own_home, registry):
    finished_study(own_home)
    with dg.DagsterInstance.get() as instance:  # as a SIGKILL leaves it
        killed = instance.add_run(
            dg.DagsterRun("retrain", tags={STUDY_TAG: "forest"}, status=dg.DagsterRunStatus.STARTED)
        )
        Lifecycle(own_home, configs={}, instance=instance).train(
            {"study": "forest", "trigger": "manual", "reason": "trial 1 of study forest", "actor": "anna"}
        )
    assert registry.evaluations("v4") == []
    answer = on_trained("tune", "--show", "forest", "--train", "--json")
    told = json.loads(answer.out)
    assert (told["version"], [each.version for each in registry.versions()][3:]) == ("v4", ["v4"])
    (evaluation,) = registry.evaluations("v4")
    assert answer.code == (0 if evaluation.passed else 1)
    assert all(gate.name in json.dumps(told["evaluation"]) for gate in evaluation.gates)
    manifest = registry.version("v4").manifest
    assert (manifest["study"], manifest["settings"]["params"]) == ({"name": "forest", "trial": 1}, {"n_estimators": 5})
    with dg.DagsterInstance.get() as instance:
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.CANCELED
    again = on_trained("tune", "--show", "forest", "--train")
    assert again.code == answer.code
    assert "v4 is " in again.out
    assert len(registry.evaluations("v4")) == 1
    with alone_on(own_home):
        refused(on_trained("tune", "--show", "forest", "--train"), "Another replay, demo or sweep works on")


def test_a_best_that_is_the_default_is_a_result_and_trains_nothing(on_trained, own_home, registry):
    finished_study(own_home, best=0)
    answer = on_trained("tune", "--show", "forest", "--train")
    assert answer.code == 0
    assert answer.out.endswith("Nothing was trained: the best is model_forest.yaml as it was.\n")
    assert len(registry.versions()) == 3


def test_what_can_not_be_tuned_is_said_before_anything_is_begun(on_trained, own_home):
    refused(on_trained("tune", "--show", "theirs"), "There is no finished study 'theirs'. Finished studies: none.")
    refused(on_trained("tune", "--show", "s", "--trials", "5"), "leave what is searched out")
    refused(on_trained("tune", "--model", "theirs"), "There is no theirs.yaml among the configs")
    refused(on_trained("tune", "--trials", "1"), "trials: Input should be greater than or equal to 2")
    refused(on_trained("tune", "--study", "../s"), "can't be a kind, key or file name")
    assert not (own_home / "tuning").exists()


def test_without_the_extra_it_says_what_to_install(on_trained, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr("mlreg_dagster.core.extras.find_spec", lambda name: None if name == "optuna" else real(name))
    refused(on_trained("tune"), "optuna is not installed. Install the extra: pip install 'mlreg-dagster[tune]'.")
