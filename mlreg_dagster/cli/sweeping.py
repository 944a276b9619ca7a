"""Plans a sweep and trains what is missing of it, one version after the other; running it again goes on."""

from collections.abc import Mapping

from mlreg_dagster.cli.progress import Advance
from mlreg_dagster.jobs import EVALUATE
from mlreg_dagster.models.sweeps.file import read_configurations
from mlreg_dagster.models.sweeps.plan import Plan, checked_name, freeze_plan, make_plan, read_plan, require_same
from mlreg_dagster.models.sweeps.table import Row, rows_of
from mlreg_dagster.models.training_request import place_order
from mlreg_dagster.orchestration.instance.runs import cancel_those_left
from mlreg_dagster.runner import RunFailed, Runner, asset_config

SWEEP_TAG = "mlreg/sweep"
"""Of the runs of a sweep: its name, by which the Dagster UI filters."""


def planned_sweep(runner: Runner, text: str, where: str, name: str, day: str | None) -> Plan:
    """The plan of a sweep: that of before, where it was planned already, else a new one with versions of its own.

    Args:
        runner: The graph.
        text: The file.
        where: Its name, for errors.
        name: Of the sweep.
        day: Day of the dataset; None: that of before, or the newest frozen.

    Raises:
        ConfigError, NotASweep, NoDataset: It can't be done as asked; no version was used up.
    """
    configurations = read_configurations(text, where, runner.settings)
    known = read_plan(runner.artifacts, checked_name(name))
    if known is not None:
        require_same(known, configurations, day)
        return known
    for model in dict.fromkeys(each.model for each in configurations):
        _, day = place_order(runner.settings, runner.artifacts, model=model, dataset=day)
    runner.require_room()
    versions = runner.take_versions(len(configurations))
    plan = make_plan(name, str(day), runner.clock.now(), configurations, versions)
    freeze_plan(plan, runner.artifacts)
    return plan


def run_sweep(runner: Runner, plan: Plan, actor: str | None, advance: Advance) -> dict[str, str]:
    """Train and evaluate what is missing of a sweep, and compare with the base what was not compared.

    Args:
        runner: The graph.
        plan: The sweep.
        actor: Who asks; None: MLREG_ACTOR or the system's user.
        advance: Takes each step.

    Nobody else sweeps this home, see `alone_on`: a run of this sweep that has not ended was killed.

    Returns:
        Why trainings or evaluations failed, by version. A failed one does not end the sweep.
    """
    waiting = [row for row in rows_of(plan, runner.registry) if not row.is_compared and row.state != "taken"]
    if not waiting:
        return {}
    cancel_those_left(runner.instance, {SWEEP_TAG: plan.name})
    runner.require_room()
    failed: dict[str, str] = {}
    done = len(plan.configurations) - len(waiting)
    for row in waiting:
        advance(f"{row.version}: {row.name}", done)
        try:
            _make(runner, plan, row, actor)
        except RunFailed as error:
            failed[row.version] = str(error).partition("\n")[0]
        done += 1
    advance("compare", done)
    return failed


def _make(runner: Runner, plan: Plan, row: Row, actor: str | None) -> None:
    """Train and evaluate one, or evaluate it alone where it is trained."""
    tags = {SWEEP_TAG: plan.name}
    runner.add_version(row.version)  # again, where it was lost with Dagster's storage: the plan still knows it
    if row.state == "missing":
        runner.train_and_evaluate(row.version, {"actor": actor}, tags)
    else:
        runner.run_partition(EVALUATE, row.version, _actor(actor), tags)


def _actor(actor: str | None) -> Mapping[str, object]:
    return asset_config("evaluated_model", {"actor": actor})
