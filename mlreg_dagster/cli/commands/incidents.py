"""Commands that an incident asks: what rests on an hour of the market, and what another version would have done."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlreg_dagster.cli.arguments import Version
from mlreg_dagster.cli.session import AsJson, open_registry, show
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.incidents.impact import Impact
    from mlreg_dagster.registry import Registry
    from mlreg_dagster.storage.warehouse.reader import Tables


def impact(
    hour: Annotated[str, typer.Argument(help="The hour of the market, UTC: 2017-12-20T14:00.")],
    instrument: Annotated[str | None, typer.Option(help="Its instrument_id; default: the whole hour.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what rests on an hour of the market, from datasets and versions to flags, reigns, rollouts and answers."""
    from mlreg_dagster.cli.incident_tables import impact_tables
    from mlreg_dagster.core.hours import as_hour
    from mlreg_dagster.incidents.impact import impact_of

    when = as_hour(hour)
    with _opened() as (tables, store, settings):
        found = impact_of(when, instrument, open_registry(), tables, store, settings)
    if as_json:
        show(True, **asdict(found))
        return
    show(False, *found.remarks, **impact_tables(found))


def what_if(
    version: Version,
    over: Annotated[str, typer.Option(help="The hours, FIRST..LAST, UTC: 2017-12-20T00:00..2017-12-26T23:00.")],
    as_json: AsJson = False,
) -> None:
    """Hold another version against the champion of past hours, on the same rows; nothing is written."""
    from mlreg_dagster.cli.incident_tables import what_if_tables
    from mlreg_dagster.core.hours import as_hour
    from mlreg_dagster.incidents import what_if as incidents

    first, dots, last = over.partition("..")
    if not dots:
        raise MlregError(f"--over {over}: write FIRST..LAST, as 2017-12-20T00:00..2017-12-26T23:00.")
    hours, registry = (as_hour(first), as_hour(last.removeprefix("."))), open_registry()
    with _opened() as (tables, store, settings):
        found = incidents.what_if(registry.resolve(version), *hours, registry, tables, store, settings)
    if as_json:
        show(True, **asdict(found))
        return
    show(False, *found.remarks, **what_if_tables(found))


def impacts_of(registry: "Registry", hours: Iterable[str]) -> "list[Impact]":
    """The blast radius of each of these hours of the market."""
    from mlreg_dagster.core.hours import as_hour
    from mlreg_dagster.incidents.impact import impact_of

    if not (wanted := [as_hour(hour) for hour in hours]):
        return []
    with _opened() as (tables, store, settings):
        return [impact_of(hour, None, registry, tables, store, settings) for hour in wanted]


@contextmanager
def _opened() -> Iterator[tuple["Tables", Any, Any]]:
    """The tables for reading, the artifacts and the settings of the home."""
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.storage.artifacts import open_artifacts
    from mlreg_dagster.storage.warehouse.opening import open_tables, tables_exist

    settings = load_settings()
    load_extensions(settings.extensions.modules)
    if not tables_exist(home_dir()):
        raise MlregError(f"There are no tables in {home_dir()} yet. Let MLREG_HOME name a home that has worked.")
    with open_tables(home_dir()) as tables:
        yield tables, open_artifacts(artifacts_root(home_dir())), settings
