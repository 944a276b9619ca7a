"""Reads the file of a sweep: a base, and a list or a grid of what differs from it.

The base, which is the model file as it stands, is always among the configurations; its number is 0. Every
configuration is checked before anything is trained.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mlreg_dagster.config import ConfigError, ModelSettings, Settings, plain_yaml
from mlreg_dagster.core.json_values import plain
from mlreg_dagster.models.manifests import recorded_settings

MOST = 64
"""Configurations that a sweep may have beside its base."""

BASE = "base"
"""The name of the configuration that is the model file as it stands."""

_KEYS = ("model", "configurations", "grid")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._=,+-]{0,63}")
_DEFAULT_MODEL = "model"


@dataclass(frozen=True)
class Configuration:
    """One of a sweep.

    Attributes:
        number: 0 for the base, then 1, 2, …
        name: For people.
        model: The model file that it starts from.
        changes: What differs from the base: a dotted name of a setting, or `model`, and its value.
        settings: What is trained.
    """

    number: int
    name: str
    model: str
    changes: Mapping[str, Any]
    settings: ModelSettings


def read_configurations(text: str, where: str, settings: Settings) -> tuple[Configuration, ...]:
    """The configurations of a file, the base first.

    Args:
        text: The file, as YAML.
        where: Its name, for errors.
        settings: The project's, with its model files.

    Raises:
        ConfigError: It can't be read, names what there is not, asks for too many, or for the same one twice.
    """
    try:
        values = plain_yaml.parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: this is no plain YAML: {error}") from error
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{where}: write `model:` and either `configurations:` or `grid:`.")
    if unknown := sorted(set(values) - set(_KEYS)):
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(_KEYS)}.")
    if ("configurations" in values) == ("grid" in values):
        raise ConfigError(f"{where}: write either `configurations:` (a list) or `grid:` (values of each parameter).")
    model = values.get("model", _DEFAULT_MODEL)
    if not isinstance(model, str):
        raise ConfigError(f"{where}: model: write the name of a model file without .yaml, such as model_lof.")
    base = Configuration(0, BASE, model, {}, _resolved(settings, model, {}, f"{where}: the base"))
    if "grid" in values:
        return _of_grid(values["grid"], base, where, settings)
    return _of_list(values["configurations"], base, where, settings)


def _of_list(listed: Any, base: Configuration, where: str, settings: Settings) -> tuple[Configuration, ...]:
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"{where}: configurations: write a list with at least one configuration.")
    _refuse_many(len(listed), f"{where}: configurations")
    found = [base]
    for number, entry in enumerate(listed, start=1):
        place = f"{where}: configuration {number}"
        if not isinstance(entry, Mapping) or not all(isinstance(key, str) for key in entry):
            raise ConfigError(f"{place}: write the settings that differ from {base.model}.yaml, as `key: value`.")
        changes = {key: value for key, value in entry.items() if key != "name"}
        made = _configuration(number, entry.get("name"), changes, base, place, settings)
        if (same := _same(made, found)) is not None:
            of = "the base, which is always among them" if same.number == 0 else f"configuration {same.number}"
            raise ConfigError(f"{place}: its settings are those of {of}. Leave one of the two out.")
        found.append(made)
    _refuse_same_names(found, where)
    return tuple(found)


def _of_grid(grid: Any, base: Configuration, where: str, settings: Settings) -> tuple[Configuration, ...]:
    """The product of all values; the combination that is the base itself is not made a second time."""
    if not isinstance(grid, Mapping) or not grid or not all(isinstance(key, str) for key in grid):
        raise ConfigError(f"{where}: grid: write at least one parameter with its values, as `seed: [1, 2, 3]`.")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{where}: grid: {key}: write a list of values, as `{key}: [1, 2, 3]`.")
    _refuse_many(math.prod(len(values) for values in grid.values()), f"{where}: grid")
    found = [base]
    for chosen in itertools.product(*grid.values()):
        changes = dict(zip(grid, chosen, strict=True))
        place = f"{where}: grid: {in_short(changes)}"
        made = _configuration(len(found), None, changes, base, place, settings)
        same = _same(made, found)
        if same is None:
            found.append(made)
        elif same.number:
            raise ConfigError(f"{place}: another combination has the same settings. Write each value once.")
    if len(found) == 1:
        raise ConfigError(f"{where}: grid: its only combination is {base.model}.yaml as it stands. Add values.")
    _refuse_same_names(found, where)
    return tuple(found)


def _refuse_many(asked: int, where: str) -> None:
    if asked > MOST:
        raise ConfigError(
            f"{where}: these are {asked:,} configurations, and a sweep has at most {MOST} beside its base, since each "
            f"is trained and evaluated as a version of its own. Leave values out, or search with mlreg tune."
        )


def _refuse_same_names(found: Iterable[Configuration], where: str) -> None:
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{where}: two configurations are called {twice!r}. Give each a `name:` of its own.")


def _configuration(
    number: int, name: Any, changes: Mapping[str, Any], base: Configuration, where: str, settings: Settings
) -> Configuration:
    model = changes.get("model", base.model)
    if not isinstance(model, str):
        raise ConfigError(f"{where}: model: write the name of a model file without .yaml, such as model_lof.")
    overrides = {key: value for key, value in changes.items() if key != "model"}
    resolved = _resolved(settings, model, overrides, where)
    flat = dict(_flat(changes))
    if name is None:
        name = short if _NAME.fullmatch(short := in_short(flat)) else f"number {number}"
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == BASE:
        raise ConfigError(
            f"{where}: name: use at most 64 letters, digits, blanks and . _ = , + -, and not {BASE!r}, which is the "
            f"model file as it stands."
        )
    return Configuration(number, name, model, plain(flat), resolved)


def _resolved(settings: Settings, model: str, changes: Mapping[str, Any], where: str) -> ModelSettings:
    """A model file with changes, once a detector can be made from it."""
    from mlreg_dagster.models.detectors.making import make_pipeline, require_allowed

    try:
        base = settings.model(model)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    chosen = base.override(_overrides(changes, base, where), f"{where}, over {model}.yaml")
    try:
        require_allowed(make_pipeline(chosen), chosen.detector)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return chosen


def _overrides(changes: Mapping[str, Any], base: ModelSettings, where: str) -> dict[str, Any]:
    """Changes as a model file nests them; `params.x` changes one parameter, `params` replaces all of them."""
    found: dict[str, Any] = {key: value for key, value in changes.items() if "." not in key}
    kept = dict(base.params) if found.get("detector", base.detector) == base.detector else {}
    for key, value in changes.items():
        section, dot, rest = key.partition(".")
        if not dot:
            continue
        if section in changes:
            raise ConfigError(f"{where}: {section} and {key} are both given. Write one of them.")
        inner = found.setdefault(section, kept if section == "params" else {})
        inner[rest] = value
    return found


def _same(made: Configuration, others: Iterable[Configuration]) -> Configuration | None:
    """The one among others that has the same settings."""
    wanted = _spelled(made.settings)
    return next((each for each in others if _spelled(each.settings) == wanted), None)


def _spelled(settings: ModelSettings) -> str:
    return json.dumps(recorded_settings(settings), sort_keys=True)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def in_short(changes: Mapping[str, Any]) -> str:
    """Changes in a line, which is the name of a configuration that was given none."""
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in changes.items())
