"""The best of a finished study as a training: what is trained, and what its manifest says of where it comes from."""

from collections.abc import Mapping
from typing import Any

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.tuning.record import Study, read_study
from mlreg_dagster.models.tuning.space import settings_with
from mlreg_dagster.storage.artifacts import ArtifactStore


class NothingToTrain(MlregError):
    """A study whose best is the default, or a request that says itself what is trained."""


def best_settings(study: Study) -> ModelSettings:
    """The settings of the best trial of a study.

    Raises:
        NothingToTrain: The best is the model file as it was.
    """
    best = study.best_trial
    if best is None or not best.params:
        raise NothingToTrain(
            f"The best of study {study.name} is {study.model}.yaml as it was, so there is nothing of its own to train."
        )
    return settings_with(best.params, ModelSettings().override(study.default, f"the record of study {study.name}"))


def request_for(store: ArtifactStore, name: str, request: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is asked for by the name of a study, and where the version comes from.

    Args:
        store: Where finished studies are.
        name: Of the study.
        request: What else is asked for; the dataset may be: by default it is that of the study.

    Returns:
        Model, dataset and overrides as `place_order` takes them; and the entry of the manifest.

    Raises:
        NoStudy: It is not finished, or not there.
        NothingToTrain: The request names a model or overrides of its own, or the best is the default.
    """
    study = read_study(store, name)
    if own := sorted(key for key in ("model", "overrides") if key in request):
        raise NothingToTrain(f"Study {name} says what is trained. Leave {' and '.join(own)} out, or leave study out.")
    chosen = best_settings(study)
    overrides = {"whiten": None, **chosen.model_dump(mode="json")}
    day = request.get("dataset") or study.dataset_day
    return {"model": study.model, "dataset": day, "overrides": overrides}, {
        "study": {"name": study.name, "trial": study.best}
    }
