import hashlib
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.automation.retraining.on_schedule import due_trainings
from mlreg_dagster.config import ModelSettings, RetrainingSettings
from mlreg_dagster.core.hours import day_key
from mlreg_dagster.registry import ModelVersion

DAY = pd.Timestamp("2026-02-01", tz="UTC")
FOREST = ModelSettings()
NEIGHBOURS = ModelSettings(detector="local_outlier_factor", params={"n_neighbors": 20}, features=("price", "volume"))


def dataset(day: int) -> tuple[str, str]:
    """Day and hash of the dataset of a day that is counted from DAY."""
    return day_key(DAY + pd.Timedelta(days=day)), hashlib.sha256(str(day).encode()).hexdigest()


def trained(settings: ModelSettings, day: int, number: int = 1) -> ModelVersion:
    name, sha256 = dataset(day)
    manifest = json.loads(json.dumps({"settings": settings.model_dump(mode="json")}))  # as the registry keeps it
    return ModelVersion(f"v{number}", DAY, "tester", None, settings.detector, name, sha256, "0" * 64, manifest)


def due(versions, newest, models=None, every_days=7, has_champion=True, names=None):
    models = models or {"model": FOREST}
    settings = RetrainingSettings(models=names or tuple(models), every_days=every_days)
    return due_trainings(versions, newest, models, settings, has_champion=has_champion)


def test_without_a_dataset_nothing_is_due():
    assert due([], None) == []


def test_a_model_never_trained_is_due_on_the_newest_dataset():
    (training,) = due([], dataset(3))
    assert (training.model, (training.day, training.dataset_sha256)) == ("model", dataset(3))


@given(st.lists(st.integers(0, 20), max_size=4), st.integers(0, 30), st.integers(1, 9), st.booleans())
def test_due_again_after_every_days(days, newest, every_days, has_champion):
    versions = [trained(FOREST, day, number) for number, day in enumerate(days, start=1)]
    pause = every_days if has_champion else 1
    expected = all(newest - day >= pause for day in days)
    assert bool(due(versions, dataset(newest), every_days=every_days, has_champion=has_champion)) == expected


@pytest.mark.parametrize("has_champion", [True, False])
@given(st.integers(0, 9), st.integers(1, 9))
def test_never_the_same_dataset_and_configuration_twice(has_champion, day, every_days):
    versions = [trained(FOREST, day)]
    assert due(versions, dataset(day), every_days=every_days, has_champion=has_champion) == []


def test_until_there_is_a_champion_every_new_dataset_is_a_chance():
    versions = [trained(FOREST, 3)]
    assert due(versions, dataset(4), has_champion=True) == []
    assert len(due(versions, dataset(4), has_champion=False)) == 1


@pytest.mark.parametrize(
    "change",
    [{"contamination": 0.1}, {"seed": 1}, {"features": ["price"]}, {"params": {}}, {"params": {"max_samples": 1}}],
)
def test_a_changed_configuration_is_due_again(change):
    versions = [trained(FOREST, 3)]
    assert due(versions, dataset(3)) == []
    assert len(due(versions, dataset(3), {"model": FOREST.override(change)})) == 1


def test_a_configuration_that_was_changed_back_waits_for_its_turn():
    versions = [trained(FOREST, 3), trained(FOREST.override({"seed": 1}), 5, number=2)]
    assert due(versions, dataset(9)) == []
    assert len(due(versions, dataset(10))) == 1


def test_models_are_due_each_on_its_own():
    models = {"model": FOREST, "model_lof": NEIGHBOURS}
    assert [training.model for training in due([], dataset(3), models)] == ["model", "model_lof"]
    assert [training.model for training in due([trained(FOREST, 3)], dataset(5), models)] == ["model_lof"]
    both = [trained(FOREST, 3), trained(NEIGHBOURS, 5, number=2)]
    assert [training.model for training in due(both, dataset(10), models)] == ["model"]


def test_only_named_models_are_due():
    models = {"model": FOREST, "model_lof": NEIGHBOURS}
    assert [training.model for training in due([], dataset(3), models, names=("model_lof",))] == ["model_lof"]


@pytest.mark.parametrize("names", [("model", "model_copy"), ("model", "model")])
def test_two_names_for_one_configuration_are_one_training(names):
    turned = dict(reversed(FOREST.params.items()))
    models = {"model": FOREST, "model_copy": ModelSettings(params=turned)}
    assert [training.model for training in due([], dataset(3), models, names=names)] == ["model"]


def test_keys_tell_datasets_and_configurations_apart():
    models = {"model": FOREST, "model_lof": NEIGHBOURS}
    keys = [training.key for day in (3, 10) for training in due([], dataset(day), models)]
    keys += [due([], dataset(3), {"model": FOREST.override({"seed": 1})})[0].key]
    assert len(set(keys)) == 5
    assert [training.key for training in due([], dataset(3), models)] == keys[:2]
