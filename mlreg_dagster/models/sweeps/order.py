"""What a run trains under a version: what a sweep has planned for it, wherever it is launched, or what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.models.sweeps.plan import planned_for
from mlreg_dagster.models.training_request import place_order, stated_cause
from mlreg_dagster.models.tuning.best import request_for
from mlreg_dagster.storage.artifacts import ArtifactStore

_ORDER, _CAUSE = ("model", "dataset", "overrides", "study"), ("trigger", "cause", "reason")


class PlannedOtherwise(MlregError):
    """A training under a version that a sweep keeps for another one."""


@dataclass(frozen=True)
class Order:
    """A training.

    Attributes:
        settings: What is trained.
        day: Day of the dataset.
        cause: Why, as the manifest keeps it; None: on schedule, or by hand without a reason.
        origin: Where the version comes from, likewise.
    """

    settings: ModelSettings
    day: str
    cause: Mapping[str, str] | None
    origin: Mapping[str, Any] = field(default_factory=dict)


def requested(store: ArtifactStore, asked: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A request as `place_order` takes it, and where the version comes from: a study says what its best is.

    Raises:
        NoStudy, NothingToTrain: It names a study that is not finished, or has nothing of its own to train.
    """
    request = {name: asked[name] for name in _ORDER if name in asked}
    study = request.pop("study", None)
    return (request, {}) if study is None else request_for(store, study, request)


def order_of(
    version: str,
    settings: Settings,
    store: ArtifactStore,
    config: Mapping[str, Any],
    run_id: str,
    tags: Mapping[str, str],
) -> Order:
    """What is trained under a version.

    Args:
        version: Under which.
        settings: The configuration.
        store: Where datasets and plans of sweeps are.
        config: Run config where it differs from its defaults: model, dataset, overrides, study, trigger, cause,
            reason.
        run_id: The run that trains.
        tags: Of that run.

    Raises:
        PlannedOtherwise: A sweep has planned it, and the run asks for something itself.
        ConfigError, NoDataset, CannotLearn, NotACause: It can't be trained.
    """
    asked = {name: config[name] for name in (*_ORDER, *_CAUSE) if name in config}
    found = planned_for(store, version)
    if found is None:
        trigger, key, reason = (asked.get(name) for name in _CAUSE)
        cause = stated_cause(trigger, key, reason, run_id, tags)
        request, origin = requested(store, asked)
        return Order(*place_order(settings, store, **request), cause, origin)
    plan, planned = found
    if asked:
        raise PlannedOtherwise(
            f"{version} is kept for number {planned.number} of the sweep {plan.name}, which says what is trained. "
            f"Leave {', '.join(asked)} out, or train under the next free version."
        )
    if planned.model_settings.detector == CRASH_CLASSIFIER:
        from mlreg_dagster.models.classifier.labels import require_labels

        require_labels(freezing.load(store, freezing.TRAINING, plan.dataset_day), settings.outcomes)
    return Order(planned.model_settings, plan.dataset_day, plan.cause(planned), plan.origin(planned))
