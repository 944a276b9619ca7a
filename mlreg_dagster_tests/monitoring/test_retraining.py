import hashlib
import itertools
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import ModelSettings, PromotionSettings, RetrainingSettings
from mlreg_dagster.hours import as_hour, day_key
from mlreg_dagster.monitoring.retraining import due_trainings, may_promote
from mlreg_dagster.storage.registry import AliasEvent, Evaluation, GateResult, ModelVersion

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


# --- promotion --------------------------------------------------------------------------------------------------

GOOD, BAD = (GateResult(name, ok, 0.5, "any", "") for name, ok in (("silhouette", True), ("score_gap", False)))


def champion(version: str = "v1") -> AliasEvent:
    when = as_hour("2026-01-20")
    return AliasEvent(1, "champion", 1, version, None, "0" * 64, 1, when, when, "tester", "a test", None, {})


def evaluation(passed: bool, versus: dict | None) -> Evaluation:
    gates = (GOOD,) if passed else (GOOD, BAD)
    return Evaluation(7, "v2", "0" * 64, "0" * 64, passed, gates, {"versus_champion": versus}, {}, DAY, "tester", None)


def compared(right: str, verdict: str, difference: float | None = 0.1) -> dict:
    reason = "of 30 instruments." if difference is not None else "too few samples: there is no instrument."
    versus = {"left": "v2", "right": right, "average_precision": [0.6, 0.5]}
    return {**versus, "verdict": verdict, "difference": difference, "reason": reason}


NOT_COMPARABLE = {"champion": "v1", "not_comparable": "v1 was trained on 3 features; these rows differ"}
VERSUS = {  # how the candidate stands against v1: what the evaluation recorded, and whether it is better
    "nothing recorded": ({}, False),
    "compared with another": (compared("v9", "better"), False),
    "better": (compared("v1", "better"), True),
    "a larger average alone": (compared("v1", "not distinguishable"), False),
    "worse": (compared("v1", "worse", -0.1), False),
    "unknown": (compared("v1", "not distinguishable", None), False),
    "not comparable": (NOT_COMPARABLE, False),
}


@pytest.mark.parametrize(
    ("automatic", "passed", "has_champion", "case"),
    list(itertools.product(("never", "passed", "better"), (True, False), (True, False), VERSUS)),
)
def test_who_may_be_promoted(automatic, passed, has_champion, case):
    versus, is_better = VERSUS[case]
    allowed, reason = may_promote(
        evaluation(passed, versus), champion() if has_champion else None, PromotionSettings(automatic=automatic)
    )
    if automatic == "never" or not passed:
        assert not allowed
    elif not has_champion or automatic == "passed":
        assert allowed
    else:
        assert allowed == is_better
    assert len(reason) >= PromotionSettings().min_reason_length  # it becomes the reason of the promotion


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("compared with another", ["not compared with v1", "evaluate it again"]),
        ("nothing recorded", ["not compared with v1", "evaluate it again"]),
        ("better", ["better than v1", "of 30 instruments"]),
        ("a larger average alone", ["not distinguishable from v1", "of 30 instruments"]),
        ("worse", ["worse than v1"]),
        ("unknown", ["can't be compared with v1", "too few samples"]),
        ("not comparable", ["can't be compared with v1", NOT_COMPARABLE["not_comparable"]]),
    ],
)
def test_the_reason_says_how_they_compare(case, words):
    _, reason = may_promote(evaluation(True, VERSUS[case][0]), champion(), PromotionSettings(automatic="better"))
    assert all(word in reason for word in words)


def test_the_reason_names_the_gates_that_failed_and_no_others():
    _, reason = may_promote(evaluation(False, {}), None, PromotionSettings(automatic="passed"))
    assert reason == "failed: score_gap"


def test_what_can_t_be_compared_with_an_earlier_champion_is_to_be_evaluated_again():
    _, reason = may_promote(evaluation(True, NOT_COMPARABLE), champion("v5"), PromotionSettings(automatic="better"))
    assert "evaluate it again" in reason
