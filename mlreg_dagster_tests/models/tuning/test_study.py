"""Studies on the small world: what they find, keep, and refuse."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import optuna
import pytest

from mlreg_dagster.models.folds import files
from mlreg_dagster.models.tuning import material, search
from mlreg_dagster.models.tuning.best import NothingToTrain, request_for
from mlreg_dagster.models.tuning.order import OtherStudy, keep, kept
from mlreg_dagster.models.tuning.record import read_study, write_study
from mlreg_dagster.models.tuning.space import suggest
from mlreg_dagster.models.tuning.study import SeenByGates, plan_of, require_unseen
from mlreg_dagster_tests.lifecycle import metadata
from mlreg_dagster_tests.models.tuning.conftest import DAY, order_of
from mlreg_dagster_tests.models.tuning.studies import a_study


@pytest.mark.slow
def test_the_same_seed_with_one_process_finds_the_same_also_after_an_interruption(tune, tunable, monkeypatch):
    whole, begun, real = tune("whole", trials=5), [], search.steps

    def interrupted(*arguments):
        begun.append(1)
        if len(begun) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(search, "steps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune("stopped", trials=5)
    stopped = tune("stopped", trials=5)

    def found(study):
        return [(each.params, each.state, each.value, each.steps) for each in study.finished]

    assert found(stopped) == found(whole)
    assert (stopped.best_trial.params, stopped.measured) == (whole.best_trial.params, whole.measured)
    assert len(whole.finished) == 5
    assert whole.trials[0].params == {}
    assert all(each.planted is not None for each in whole.finished)
    assert not (tunable.home / "tuning" / "stopped").exists()
    assert read_study(tunable.artifacts, "stopped") == stopped == tune("stopped", trials=50)


@pytest.mark.slow
def test_a_new_database_can_be_opened_by_many_at_once(tunable, tmp_path):
    order = order_of(tunable)
    with ThreadPoolExecutor(6) as threads:
        opened = list(
            threads.map(lambda _: search.study_in(tmp_path / "t" / "s.sqlite", order.name, order.tuning), range(6))
        )
    assert {study.study_name for study in opened} == {order.name}


def test_another_seed_proposes_other_parameters(tunable):
    def proposed(seed):
        order = order_of(tunable, seed=seed)
        study = optuna.create_study(sampler=search._sampler(order, 3))
        return suggest(study.ask(), order.space)

    assert proposed(1) == proposed(1) != proposed(2)


@pytest.mark.slow
def test_a_small_space_is_tried_whole_and_once(tune, tunable):
    tuning = tunable.settings.tuning.override({"spaces": {"isolation_forest": {"whiten": {"choices": [True, False]}}}})
    tunable.settings = tunable.settings.model_copy(update={"tuning": tuning})
    study = tune(trials=30)
    assert [each.params for each in study.trials] == [{}, {"whiten": True}, {"whiten": False}]


@pytest.mark.slow
def test_the_asset_shows_a_study_and_its_best_is_trained_by_its_name(tunable):
    config = {"model": "model_forest", "dataset": DAY, "trials": 4}
    tunable.instance.add_dynamic_partitions("study", ["s"])
    result = tunable.attempt("tuning_study", key="s", config=config)
    assert result.success
    shown, study = metadata(result, "tuning_study"), read_study(tunable.artifacts, "s")
    assert (shown["trials"], shown["result"]) == (4, study.result)
    assert all("![" in shown[name] for name in ("history", "parallel_coordinates"))
    better = dataclasses.replace(a_study(), dataset_day=DAY, default=study.default, model="model_forest")
    write_study(tunable.artifacts, better)
    version = tunable.train({"study": "forest"})
    manifest = tunable.registry.version(version).manifest
    assert manifest["study"] == {"name": "forest", "trial": 1}
    assert manifest["settings"]["params"] == {"n_estimators": 100, "max_samples": 0.1}
    assert manifest["settings"]["features"] == study.default["features"]


def test_folds_come_back_from_their_folder_as_they_were(tunable, tmp_path):
    order = order_of(tunable)
    plan = plan_of(order, tunable.settings, tunable.warehouse)
    made, measured = material.gather(tunable.warehouse, tunable.settings, order.chosen, plan, ((700, 701), (800,)))
    folds = [*made, measured]
    assert files.load(tmp_path / "m") is None
    files.save(tmp_path / "m", folds)
    again = files.load(tmp_path / "m")
    assert [each.split for each in again] == [each.split for each in folds] == [*plan.folds, plan.measured]
    for before, after in zip(folds, again, strict=True):
        assert before.train.rows.equals(after.train.rows)
        assert np.array_equal(before.crashed, after.crashed)
        for left, right in zip(before.rounds, after.rounds, strict=True):
            assert (left.kind, left.seed, left.day) == (right.kind, right.seed, right.day)
            assert left.rows.reset_index(drop=True).equals(right.rows)
            assert np.array_equal(left.planted, right.planted)
    first = made[0]
    assert len({each.kind for each in first.rounds[: first.first_rounds]}) == first.first_rounds
    assert {each.seed for each in first.rounds} == {700, 701}
    assert {each.seed for each in measured.rounds} == {800}
    assert first.crashed.any()


def test_a_study_that_was_begun_in_another_way_is_not_gone_on_with(tunable, tmp_path):
    order = order_of(tunable, trials=5)
    keep(order, tmp_path / "s", tunable.artifacts)
    assert kept(tmp_path / "s").facts() == order.facts()
    keep(order_of(tunable, trials=9, jobs=2), tmp_path / "s", tunable.artifacts)
    assert kept(tmp_path / "s").tuning.trials == 9
    with pytest.raises(OtherStudy, match=r"Study s was begun in another way \(differing: tuning.seed\)"):
        keep(order_of(tunable, seed=99), tmp_path / "s", tunable.artifacts)
    with pytest.raises(OtherStudy, match="chosen, model, space"):
        keep(order_of(tunable, model="model"), tmp_path / "s", tunable.artifacts)


def test_seeds_of_the_policy_in_force_are_refused_too(tunable):
    gates = tunable.settings.evaluation.override({"injection": {"seeds": [5, 701]}})
    with pytest.raises(SeenByGates, match="share 701 with the gates of the policy in force"):
        require_unseen(order_of(tunable), gates)
    require_unseen(order_of(tunable), tunable.settings.evaluation)


def test_a_study_says_what_is_trained_and_nothing_else_does(store):
    write_study(store, a_study())
    request, origin = request_for(store, "forest", {})
    assert (request["model"], request["dataset"]) == ("model", "2017-12-14")
    assert request["overrides"]["params"] == {"n_estimators": 100, "max_samples": 0.1}
    assert origin == {"study": {"name": "forest", "trial": 1}}
    with pytest.raises(NothingToTrain, match="Leave model and overrides out"):
        request_for(store, "forest", {"model": "model_lof", "overrides": {"seed": 1}})
    write_study(store, dataclasses.replace(a_study("plain"), best=0))
    with pytest.raises(NothingToTrain, match=r"The best of study plain is model\.yaml as it was"):
        request_for(store, "plain", {})
