"""`mlreg branch`: dated snapshots of production with writes of their own, and versions that move between them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import Actor, Reason, Version
from mlreg_dagster.cli.session import AsJson, show

if TYPE_CHECKING:
    from mlreg_dagster.operations.branches.sending import Sent
    from mlreg_dagster.registry import Attribution
    from mlreg_dagster.runner import Runner

branch = typer.Typer(help="Branches: dated snapshots of production with writes and a policy of their own.")


def _complete(incomplete: str) -> list[str]:
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.branches.finding import PROD, branches

    return [name for name in (PROD, *(each.name for each in branches(home_dir()))) if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the branch.", autocompletion=_complete)]


@branch.command("create")
def create_branch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and '-'.")],
    source: Annotated[str, typer.Option("--from", help="What it is a snapshot of: prod, which is the home.")] = "prod",
    reason: Reason = "work apart from production",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Make a snapshot of tables, registry and artifacts, as of one moment, for work that production never sees."""
    from mlreg_dagster.cli.branch_tables import branch_facts
    from mlreg_dagster.cli.intact import leave_witness
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.operations.branches.creation import create
    from mlreg_dagster.operations.branches.finding import require_production

    require_production(source)
    home = home_dir()
    made = create(home, name, _attribution(home, actor, reason), load_settings())
    with _working_on(made.home) as runner:  # its Dagster has no history: this is the beginning
        for version in made.record.versions:
            runner.add_version(version)
        leave_witness(runner.registry, f"The branch {name} was made.", {"branch": name})
    show(
        as_json,
        f"{name} is a branch of {source} as of {made.made_at:%Y-%m-%d %H:%M} UTC, up to record "
        f"{made.record.audit_sequence} of its audit log. It lies in {made.home}.",
        f'Work on it in a shell of its own: eval "$(mlreg branch env {name})", then mlreg or dagster dev.',
        **branch_facts(made),
    )


@branch.command("list")
def list_branches(as_json: AsJson = False) -> None:
    """The branches of the home, by name."""
    from mlreg_dagster.cli.branch_tables import branches_table
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.branches.finding import branches, not_branches, require_not_branch

    home = home_dir()
    require_not_branch(home)
    odd = [str(path) for path in not_branches(home)]
    remarks = [f"No branches, though they lie among them: {', '.join(odd)}. Look at them, and move them away."] * bool(
        odd
    )
    show(as_json, *remarks, branches=branches_table(branches(home)), not_branches=odd)


@branch.command("env")
def branch_env(name: Name) -> None:
    """Print the environment of a branch for mlreg and dagster: eval "$(mlreg branch env NAME)"."""
    import shlex

    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.loading import config_folder
    from mlreg_dagster.operations.branches.finding import branch_home, require_not_branch
    from mlreg_dagster.storage.homes import prepare_home

    home = home_dir()
    require_not_branch(home)
    variables = prepare_home(branch_home(home, name))
    if (configs := config_folder()) is not None:
        variables["MLREG_CONFIG_DIR"] = str(configs.absolute())
    for variable, value in variables.items():
        typer.echo(f"export {variable}={shlex.quote(value)}")


@branch.command("delete")
def delete_branch(
    name: Name,
    reason: Reason = "no longer needed",
    confirm: Annotated[str | None, typer.Option(help="The name once more; default: it is asked for.")] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Delete a branch with all that was written in it. Production stays as it is."""
    from mlreg_dagster.cli.branch_tables import branch_facts
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.branches.deletion import delete
    from mlreg_dagster.operations.branches.finding import BranchRefused, find_branch

    home = home_dir()
    found = find_branch(home, name)
    if confirm is None:
        confirm = typer.prompt(
            f"All that was written in {found.home} will be gone. Type its name to delete it", err=True
        )
    if confirm != name:
        raise BranchRefused(f"{confirm!a} is not its name, {name}. Nothing was deleted.")
    gone = delete(home, name, _attribution(home, actor, reason))
    show(as_json, f"The branch {name} is deleted. Its versions keep their numbers.", **branch_facts(gone))


@branch.command("diff")
def diff_branch(name: Name, as_json: AsJson = False) -> None:
    """What a branch and production hold differently: versions, aliases, policy, records, tables, configuration."""
    from mlreg_dagster.cli.branch_tables import difference_table
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.operations.branches.comparison import compare
    from mlreg_dagster.operations.branches.finding import find_branch, require_not_branch

    home = home_dir()
    require_not_branch(home)
    found = compare(home, find_branch(home, name), load_settings())
    remarks = [] if found.shares_log else [
        "The log of prod does not hold the record that the branch began with: an older copy of it was put back, or it "
        "was changed. mlreg audit verify tells."
    ]  # fmt: skip
    show(as_json, *remarks, difference=difference_table(found))


@branch.command("send")
def send_version(
    version: Version,
    reason: Reason,
    source: Annotated[str, typer.Option("--from", help="The branch that has it, or prod.", autocompletion=_complete)],
    target: Annotated[str, typer.Option("--to", help="Where it goes.", autocompletion=_complete)] = "prod",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Move a version with its hash to production or a branch, and evaluate it there. Exits with 1 when a gate fails.

    It arrives as a candidate under its own number. Nothing that was decided about it goes with it.
    """
    from mlreg_dagster import jobs
    from mlreg_dagster.cli.tables import gates_table
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.branches.finding import BranchRefused, branch_home, require_not_branch
    from mlreg_dagster.runner import asset_config

    home = home_dir()
    require_not_branch(home)
    if source == target:
        raise BranchRefused(f"{source} has its versions already. Let --from and --to name two.")
    origin, by = branch_home(home, source), _attribution(home, actor, reason)
    with _working_on(branch_home(home, target)) as runner:
        sent = _sent(runner, origin, source, version, target, by)
        name = sent.version.version
        if not runner.registry.evaluations(name):
            runner.add_version(name)
            runner.run_partition(jobs.EVALUATE, name, asset_config("evaluated_model", {"actor": actor}))
        evaluation, status = runner.registry.evaluations(name)[-1], runner.registry.status(name)
    there = "was there already" if sent.was_there else f"came from {source}"
    show(
        as_json,
        f"{name} {there}, artifact {sent.version.artifact_sha256[:12]}, and is {status} in {target}.",
        *sent.remarks,
        version=name,
        status=status,
        artifact_sha256=sent.version.artifact_sha256,
        origin=sent.version.origin,
        was_there=sent.was_there,
        arrived=list(sent.arrived),
        remarks=list(sent.remarks),
        evaluation=gates_table(evaluation),
    )
    raise typer.Exit(0 if evaluation.passed else 1)


def _sent(runner: "Runner", origin: Path, source: str, version: str, target: str, by: "Attribution") -> "Sent":
    from mlreg_dagster.operations.branches.sending import Target, send
    from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS

    partitions = runner.instance.get_dynamic_partitions(str(MODEL_VERSIONS.name))
    place = Target(target, runner.registry, runner.artifacts, runner.warehouse, partitions)
    return send(origin, source, version, place, by)


@contextmanager
def _working_on(home: Path) -> Iterator["Runner"]:
    """The graph on production or on a branch, whose variables hold meanwhile."""
    from mlreg_dagster.cli.session import open_runner

    names = ("MLREG_HOME", "DAGSTER_HOME")
    before = {name: os.environ.get(name) for name in names}
    os.environ["MLREG_HOME"] = str(home)
    try:
        yield open_runner()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _attribution(home: Path, actor: str | None, reason: str) -> "Attribution":
    """Who asks, as production's records name them, and why."""
    from datetime import UTC, datetime

    from mlreg_dagster.config.places import registry_url
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.registry import Attribution
    from mlreg_dagster.registry.read_only import ReadOnlyRegistry

    registry = ReadOnlyRegistry(registry_url(home))
    registry.directory().refuse_names("reason", reason)
    return Attribution(registry.acting(current_actor(actor)), datetime.now(UTC), reason)
