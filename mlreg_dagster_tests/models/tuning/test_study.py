"""Studies on the small world: what they find, keep, and refuse."""

import dataclasses

import pytest

from mlreg_dagster.models.tuning import search
from mlreg_dagster.models.tuning.record import read_study, write_study
from mlreg_dagster.models.tuning.study import SeenByGates, require_unseen
from mlreg_dagster_tests.lifecycle import metadata
from mlreg_dagster_tests.models.tuning.conftest import DAY, order_of
from mlreg_dagster_tests.models.tuning.studies import a_study


@pytest.mark.slow
def test_the_same_seed_with_one_process_finds_the_same_also_after_an_interruption(tune, tunable, monkeypatch):
    whole, begun, real = tune("whole", trials=4), [], search.steps

    def interrupted(*arguments):
        begun.append(1)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(search, "steps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune("stopped", trials=4)
    stopped = tune("stopped", trials=4)

    def found(study):
        return [(each.params, each.state, each.value, each.steps) for each in study.finished]

    assert found(stopped) == found(whole)
    assert (stopped.best_trial.params, stopped.measured) == (whole.best_trial.params, whole.measured)
    assert len(whole.finished) == 4
    assert whole.trials[0].params == {}
    assert all(each.planted is not None for each in whole.finished)
    assert not (tunable.home / "tuning" / "stopped").exists()
    assert read_study(tunable.artifacts, "stopped") == stopped == tune("stopped", trials=50)


@pytest.mark.slow
def test_a_small_space_is_tried_whole_and_once(tune, tunable):
    tuning = tunable.settings.tuning.override({"spaces": {"isolation_forest": {"whiten": {"choices": [True, False]}}}})
    tunable.settings = tunable.settings.model_copy(update={"tuning": tuning})
    study = tune(trials=30)
    assert [each.params for each in study.trials] == [{}, {"whiten": True}, {"whiten": False}]


@pytest.mark.slow
def test_the_asset_shows_a_study_and_its_best_is_trained_by_its_name(tunable):
    config = {"model": "model_forest", "dataset": DAY, "trials": 2}
    tunable.instance.add_dynamic_partitions("study", ["s"])
    result = tunable.attempt("tuning_study", key="s", config=config)
    assert result.success
    shown, study = metadata(result, "tuning_study"), read_study(tunable.artifacts, "s")
    assert (shown["trials"], shown["result"]) == (2, study.result)
    assert all("![" in shown[name] for name in ("history", "parallel_coordinates"))
    better = dataclasses.replace(a_study(), dataset_day=DAY, default=study.default, model="model_forest")
    write_study(tunable.artifacts, better)
    version = tunable.train({"study": "forest"})
    manifest = tunable.registry.version(version).manifest
    assert manifest["study"] == {"name": "forest", "trial": 1}
    assert manifest["settings"]["params"] == {"n_estimators": 100, "max_samples": 0.1}
    assert manifest["settings"]["features"] == study.default["features"]


def test_seeds_of_the_policy_in_force_are_refused_too(tunable):
    gates = tunable.settings.evaluation.override({"injection": {"seeds": [5, 701]}})
    with pytest.raises(SeenByGates, match="share 701 with the gates of the policy in force"):
        require_unseen(order_of(tunable), gates)
    require_unseen(order_of(tunable), tunable.settings.evaluation)
