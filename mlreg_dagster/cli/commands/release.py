"""Commands that take a version, or a change that is under review, through the checks of a release."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import Actor, Version, complete_models
from mlreg_dagster.cli.session import (
    AsJson,
    configured_rules,
    console,
    open_registry,
    open_runner,
    progress_console,
    show,
)
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.release.release import Candidate
    from mlreg_dagster.release.steps import Release, Step


def release(
    version: Version,
    reason: Annotated[str | None, typer.Option(help="Why; kept with the rollout. Not asked for by --dry-run.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Take every step, and start no rollout.")] = False,
    unapproved: Annotated[
        bool, typer.Option("--unapproved", help="Leave the approvals out; with --dry-run alone, for pull requests.")
    ] = False,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Check gates, CPU against the champion, a real server and approvals, then start a rollout. Exits with 1 if not."""
    if unapproved and not dry_run:
        raise MlregError("--unapproved starts no rollout: write --dry-run beside it, or have the version approved.")
    if reason is None and not dry_run:
        raise MlregError('Write --reason "…", which is kept with the rollout; or --dry-run, which starts none.')
    _as_in_the_server()
    from mlreg_dagster.cli.release_table import steps_table
    from mlreg_dagster.release.release import check_release

    found = check_release(_candidate(version, reason or "a dry run", actor), unapproved=unapproved)
    if found.passed and reason is not None and not dry_run:
        found = _rolled_out(found, reason, actor)
    says = f"{found.version} passed every step." if found.passed else f"{found.version} is not released."
    show(
        as_json,
        f"{says} No rollout was started: this was a dry run." if dry_run else says,
        version=found.version,
        champion=found.champion,
        passed=found.passed,
        dry_run=dry_run,
        steps=steps_table(found),
    )
    raise typer.Exit(0 if found.passed else 1)


def _rolled_out(release: "Release", reason: str, actor: str | None) -> "Release":
    """The release with how its rollout began, or why it did not; the champion that was compared with is expected."""
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.governance.rollout.request import RolloutAction
    from mlreg_dagster.models.names import CHAMPION
    from mlreg_dagster.release.rollout import ROLLOUT, started
    from mlreg_dagster.release.steps import taken

    runner = open_runner()
    start = RolloutAction("start", current_actor(actor), CHAMPION, release.version, reason, release.champion)

    def begin() -> "Step":
        runner.roll_out(start)
        event = runner.registry.traffic(CHAMPION)
        if event is None:
            raise MlregError("The run succeeded, and no rollout is on record. See the run in the UI.")
        return started(event)

    return replace(release, steps=(*release.steps[:-1], taken(ROLLOUT, begin)))


def rehearse(
    model: Annotated[
        str, typer.Option(help="Config file without .yaml: model, model_lof, …", autocompletion=complete_models)
    ] = "model",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Try this checkout on a copy of the home: policy, features, training, then a release's steps. Nothing is kept."""
    _as_in_the_server()
    from mlreg_dagster.cli.progress import step_progress
    from mlreg_dagster.cli.rehearsal import STEPS
    from mlreg_dagster.cli.rehearsal import rehearse as on_a_copy
    from mlreg_dagster.cli.release_table import steps_table
    from mlreg_dagster.core.people import current_actor

    with step_progress(progress_console if as_json else console, STEPS) as advance:
        found = on_a_copy(model, current_actor(actor), advance)
    show(
        as_json,
        f"{model} passed every step." if found.passed else f"{model} did not pass.",
        model=model,
        champion=found.champion,
        passed=found.passed,
        steps=steps_table(found),
    )
    raise typer.Exit(0 if found.passed else 1)


def _as_in_the_server() -> None:
    """As many threads as `mlreg serve` lets libraries start; they read it when they are loaded."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"


def _candidate(spec: str, reason: str, actor: str | None) -> "Candidate":
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.registry import Attribution
    from mlreg_dagster.release.release import Candidate
    from mlreg_dagster.storage.artifacts import open_artifacts

    registry, home, settings = open_registry(), home_dir(), load_settings()
    by = Attribution(registry.acting(current_actor(actor)), datetime.now(UTC), reason)
    return Candidate(
        registry.resolve(spec),
        registry,
        open_artifacts(artifacts_root(home)),
        home,
        settings,
        settings.rollout.release,
        configured_rules(),
        by,
    )
