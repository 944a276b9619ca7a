"""Arguments that several commands share: declarations, completion, parsing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from mlreg_dagster.config import plain_yaml
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.names import CHALLENGER, CHAMPION


def complete_versions(incomplete: str) -> list[str]:
    """Complete versions, aliases, and `latest`."""
    versions, aliases = _registered()
    return [name for name in (*versions, *aliases, "latest") if name.startswith(incomplete)]


def complete_aliases(incomplete: str) -> list[str]:
    """Complete aliases that were ever moved, and the usual two."""
    return [name for name in dict.fromkeys((*_registered()[1], CHAMPION, CHALLENGER)) if name.startswith(incomplete)]


def complete_models(incomplete: str) -> list[str]:
    """Complete the names of model config files."""
    from mlreg_dagster.config import load_settings

    try:
        return [name for name in sorted(load_settings().models) if name.startswith(incomplete)]
    except MlregError:  # the command itself says what is wrong
        return []


def _registered() -> tuple[list[str], list[str]]:
    """Versions and aliases of the registry in the home; none where there is none, or it can't be read."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import is_registry_elsewhere, registry_file, registry_url
    from mlreg_dagster.registry import Registry

    home = home_dir()
    if not is_registry_elsewhere(home) and not registry_file(home).is_file():
        return [], []
    try:
        registry = Registry(registry_url(home))
        return [version.version for version in registry.versions()], list(registry.aliases())
    except MlregError:  # the command itself says what is wrong
        return [], []


Version = Annotated[str, typer.Argument(help="v7, latest, latest-1, or an alias.", autocompletion=complete_versions)]
Reason = Annotated[str, typer.Option(help="Why; kept for ever.")]
Actor = Annotated[str | None, typer.Option(help="Requested by; default: MLREG_ACTOR or the system's user.")]
Alias = Annotated[str, typer.Option(help="champion, challenger, or any other name.", autocompletion=complete_aliases)]
EffectiveAt = Annotated[
    str | None, typer.Option(help="From when it counts, UTC (2017-12-20T00:00); the past only for replays.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value over the config file, this time; params.n_neighbors=30."),
]


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Say in words why a place that was named on the command line can't be written.

    Raises:
        MlregError: It can't.
    """
    from mlreg_dagster.storage.faults import explained

    try:
        with explained(place):
            yield
    except OSError as error:
        raise MlregError(f"{place} can't be written: {error}. Name another place.") from error


def parse_overrides(overrides: list[str] | None) -> dict[str, Any]:
    """Parse the values of `--set`, nested as in a config file.

    Raises:
        MlregError: A text is not key=value, or contradicts another.
    """
    values: dict[str, Any] = {}
    for item in overrides or []:
        path, found, text = item.partition("=")
        if not found:
            raise MlregError(f"--set {item}: write key=value, or section.key=value.")
        *sections, key = path.split(".")
        inner = values
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise MlregError(f"--set {item}: {section} has a value already.")
        try:
            inner[key] = plain_yaml.parse(text)
        except yaml.YAMLError as error:
            raise MlregError(f"--set {item}: this is no YAML value: {error}") from error
    return values
