"""`mlreg mlflow`: the mirror of the registry in MLflow."""

from typing import Annotated

import typer

from mlreg_dagster.cli.session import AsJson, show

mlflow = typer.Typer(help="A mirror of the registry in MLflow, which the registry alone decides about.")


@mlflow.callback()
def _group() -> None:
    pass  # so that `sync` keeps its name


@mlflow.command("sync")
def sync_mlflow(
    check: Annotated[bool, typer.Option("--check", help="Only compare; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make MLflow hold what the registry says, where MLFLOW_TRACKING_URI says or in the home.

    Exits with 1 where someone changed something in MLflow, though it is put back; --check also where something is not
    mirrored yet.
    """
    import os

    from mlreg_dagster.cli.intact import witnessed_heads
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import artifacts_root, registry_url
    from mlreg_dagster.integrations.mlflow.mirror import look, sync
    from mlreg_dagster.integrations.mlflow.place import place_of
    from mlreg_dagster.registry.read_only import ReadOnlyRegistry
    from mlreg_dagster.storage.artifacts import open_artifacts
    from mlreg_dagster.storage.homes import prepare_home

    home, place = home_dir(), place_of(home_dir())
    registry = ReadOnlyRegistry(registry_url(home))
    registry.audit_head()  # before a home is made for nothing
    os.environ.update(prepare_home())
    heads = witnessed_heads()
    report = (look if check else sync)(registry, open_artifacts(artifacts_root(home)), place, heads)
    foreign = "to be put back" if check else "put back"
    missing = "Not mirrored yet" if check else "Mirrored now"
    show(
        as_json,
        *(f"Changed in MLflow: {each}." for each in report.foreign),
        *(f"{missing}: {each}." for each in report.missing[:_SHOWN]),
        *([f"… and {len(report.missing) - _SHOWN} more."] if len(report.missing) > _SHOWN else []),
        f"{report.versions} versions and {report.runs} runs belong in {report.place}. Changed by others and {foreign}: "
        f"{len(report.foreign)}. {missing}: {len(report.missing)}. Calls that wrote: {report.calls}.",
        **vars(report),
    )
    raise typer.Exit(1 if report.foreign or (check and report.missing) else 0)


_SHOWN = 20
