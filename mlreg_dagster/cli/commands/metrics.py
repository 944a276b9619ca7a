"""The command that exports numbers for Prometheus."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import writing_to
from mlreg_dagster.cli.session import AsJson, console, show
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.monitoring.metrics.numbers import Part, Sample

_PATIENCE_S = 5.0  # for a process that keeps the tables


def metrics(
    textfile: Annotated[Path | None, typer.Option(help="Write them here once, for node_exporter: NAME.prom.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Answer scrapes of /metrics until it is stopped.")] = False,
    host: Annotated[str, typer.Option(help="Where it listens; beyond this machine everybody may read.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 9464,
    as_json: AsJson = False,
) -> None:
    """Numbers for Prometheus, read from what is stored; nothing is changed. Without an option they are printed."""
    from mlreg_dagster.monitoring.metrics.exposition import exposition, make_server, write_textfile

    if serve and textfile is not None:
        raise MlregError("Choose one of --textfile and --serve.")
    if serve:
        with make_server(host, port, lambda: exposition(_samples())) as server:
            console.print(f"Metrics on http://{host}:{server.server_port}/metrics", highlight=False)
            server.serve_forever()
        return
    samples = _samples()
    content = exposition(samples)
    if textfile is not None:
        with writing_to(textfile):
            write_textfile(textfile, content)
    elif not as_json:
        typer.echo(content.decode(), nl=False)
        return
    names = sorted({each.metric for each in samples})
    written = f"{len(samples)} series of {len(names)} metrics in {textfile}."
    show(as_json, written, series=len(samples), metrics=names, textfile=None if textfile is None else str(textfile))


def _samples() -> "list[Sample]":
    from mlreg_dagster.monitoring.metrics.numbers import collect

    with _parts() as (parts, now):
        return collect(parts, now)


@contextmanager
def _parts() -> "Iterator[tuple[dict[str, Part], datetime]]":
    from mlreg_dagster.automation.alerts.exported import objective_samples, run_samples
    from mlreg_dagster.automation.alerts.facts import Place
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import dagster_home, registry_url, warehouse_file
    from mlreg_dagster.core.health import Finding
    from mlreg_dagster.core.version import __version__
    from mlreg_dagster.monitoring.metrics import numbers
    from mlreg_dagster.orchestration.instance.cleanup import opened
    from mlreg_dagster.registry.read_only import ReadOnlyRegistry
    from mlreg_dagster.storage.warehouse.opening import open_tables

    settings, home, now = load_settings(), home_dir(), datetime.now(UTC)
    registry = ReadOnlyRegistry(registry_url(home))
    os.environ["DAGSTER_HOME"] = str(dagster_home(home))  # its file asks for it

    def tables() -> "list[Sample]":
        with open_tables(home, _PATIENCE_S) as found:
            return [*numbers.champion_samples(found, settings.evaluation), *numbers.drift_samples(found)]

    with opened(dagster_home(home)) as instance:

        def runs() -> "list[Sample]":
            if isinstance(instance, Finding):
                raise MlregError(instance.seen)
            return list(run_samples(instance))

        def objectives() -> "list[Sample]":
            if isinstance(instance, Finding):
                raise MlregError(instance.seen)
            return objective_samples(Place(instance, frozenset(), registry, home), settings, now)

        yield (
            {
                "registry": lambda: numbers.registry_samples(registry, now, __version__),
                "alerts": lambda: numbers.alert_samples(registry),
                "tables": tables,
                "runs": runs,
                "objectives": objectives,
                "disk": lambda: _of_disk(home, warehouse_file(home)),
            },
            now,
        )


def _of_disk(home: Path, file: Path) -> "list[Sample]":
    from mlreg_dagster.monitoring.metrics.numbers import Sample

    if not home.is_dir():
        raise MlregError(f"There is no home in {home}.")
    return [
        Sample("mlreg_disk_free_bytes", shutil.disk_usage(home).free),
        Sample("mlreg_tables_bytes", file.stat().st_size if file.exists() else 0),
    ]
