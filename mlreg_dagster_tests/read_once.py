"""What every world reads or builds again, and always finds the same, is read and built once a process."""

import copy
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from mlreg_dagster import definitions
from mlreg_dagster.config import plain_yaml
from mlreg_dagster.extensions.registration import catalogue, loading

_OF_SETTINGS = (
    "build_market_assets",
    "build_dataset_assets",
    "build_model_assets",
    "build_outcome_assets",
    "build_monitoring_assets",
    "build_governance_assets",
    "build_market_checks",
    "build_dataset_checks",
    "build_outcome_checks",
    "build_monitoring_checks",
    "build_governance_checks",
)
"""Builders of definitions whose result follows from their arguments and the plug-ins alone; homes are no part of it."""
_KEPT = 12


@pytest.fixture(autouse=True, scope="session")
def read_once() -> Iterator[None]:
    """Texts of configuration files, the ninety migrations that Dagster looks through, entry points, definitions."""
    values, scripts = functools.cache(plain_yaml.parse), ScriptDirectory.from_config
    entry_points = loading.entry_points

    @functools.cache
    def scripts_in(config: Config, _location: str | None) -> ScriptDirectory:
        return scripts(config)

    def scripts_of(config: Config) -> ScriptDirectory:
        return scripts_in(config, config.get_main_option("script_location"))

    @functools.cache
    def points_on(_path: tuple[str, ...], group: str) -> Any:
        return entry_points(group=group)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_yaml, "parse", lambda text: copy.deepcopy(values(text)))
        patch.setattr(ScriptDirectory, "from_config", scripts_of)
        patch.setattr(loading, "entry_points", lambda group: points_on(tuple(sys.path), group))
        for name in _OF_SETTINGS:
            patch.setattr(definitions, name, _kept(getattr(definitions, name)))
        yield


def _kept(build: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The builder, whose latest results are given again for equal arguments while the same is registered."""
    known: list[tuple[Any, list[Any]]] = []

    @functools.wraps(build)
    def built(*arguments: Any) -> list[Any]:
        asked = (arguments, catalogue._registered())
        for before, result in known:
            if before == asked:
                return list(result)
        result = list(build(*arguments))
        known.insert(0, (asked, result))
        del known[_KEPT:]
        return list(result)

    return built
