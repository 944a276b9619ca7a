"""From a search space to the settings of a model: which values a trial sets, and where they stand in the file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlreg_dagster.config import ConfigError, ModelSettings, TuningSettings
from mlreg_dagster.config.sections.tuning import Dimension, Space

if TYPE_CHECKING:
    from optuna.trial import Trial


def space_of(tuning: TuningSettings, settings: ModelSettings) -> Space:
    """The search space of the detector of a model file, once its ends and choices are allowed there.

    Raises:
        ConfigError: There is none for this detector, it names a member that the file does not have, or the detector
            does not take a parameter or a value of it.
    """
    space = tuning.spaces.get(settings.detector)
    if space is None:
        raise ConfigError(
            f"tuning.yaml: spaces has no {settings.detector}, so nothing of it can be searched. Name its parameters "
            f"there; it has spaces for {', '.join(tuning.spaces)}."
        )
    for place, dimension in space.items():
        for value in dimension.choices or (dimension.low, dimension.high):
            _require_allowed({**dimension.only_if, place: value}, settings, place)
    return space


def _require_allowed(values: Mapping[str, Any], settings: ModelSettings, place: str) -> None:
    from mlreg_dagster.models.detectors.making import make_pipeline, require_allowed

    chosen = settings_with(values, settings)
    try:
        require_allowed(make_pipeline(chosen), chosen.detector)
    except ConfigError as error:
        raise ConfigError(f"tuning.yaml: spaces.{settings.detector}: {place}: {error}") from error


def suggest(trial: "Trial", space: Space) -> dict[str, Any]:
    """The values of a trial, in the order of the space."""
    values: dict[str, Any] = {}
    for place, dimension in space.items():
        if all(values.get(name) == value for name, value in dimension.only_if.items()):
            values[place] = _suggest_one(trial, place, dimension)
    return values


def _suggest_one(trial: "Trial", place: str, dimension: Dimension) -> Any:
    if dimension.choices:
        return trial.suggest_categorical(place, dimension.choices)
    low, high, step = dimension.low, dimension.high, dimension.step
    assert low is not None  # noqa: S101  # of a range, see Dimension
    assert high is not None  # noqa: S101
    if dimension.is_whole:
        return trial.suggest_int(place, int(low), int(high), step=int(step or 1), log=dimension.log)
    return trial.suggest_float(place, low, high, step=step, log=dimension.log)


def overrides_of(values: Mapping[str, Any], settings: ModelSettings) -> dict[str, Any]:
    """Values of a trial as overrides of the model file, as `mlreg train --set` takes them.

    Raises:
        ConfigError: A place names a member that the file does not have.
    """
    overrides: dict[str, Any] = {}
    for place, value in values.items():
        head, *rest = place.split(".")
        if head == "params":
            overrides.setdefault("params", dict(settings.params))[rest[0]] = value
        elif head == "members":
            members = overrides.setdefault("members", [each.model_dump(mode="json") for each in settings.members])
            chosen = [each for each in members if each["detector"] == rest[0]]
            if not chosen:
                raise ConfigError(f"tuning.yaml: {place}: the model file has no member {rest[0]}.")
            for member in chosen:
                if rest[1] == "params":
                    member["params"][rest[-1]] = value
                else:
                    member[rest[1]] = value
        else:
            overrides[head] = value
    return overrides


def settings_with(values: Mapping[str, Any], settings: ModelSettings) -> ModelSettings:
    """The model file with the values of a trial.

    Raises:
        ConfigError: A value is not allowed there.
    """
    return settings.override(overrides_of(values, settings), "tuning.yaml, over the model file")
