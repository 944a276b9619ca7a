"""Commands that start a rollout, tell how it stands, and let people stop it."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import Actor, Alias, Reason, Version
from mlreg_dagster.cli.commands.ab import AB, Days, Weight, ab_asked, report
from mlreg_dagster.cli.session import AsJson, open_registry, open_runner, show

if TYPE_CHECKING:
    from mlreg_dagster.runner import Runner

rollout = typer.Typer(help="Bring a version into serving step by step, with a way back from each step.")

_ChangeSeen = Annotated[
    int | None, typer.Option(min=1, help="Number of the newest change you saw; default: today's.", show_default=False)
]


@rollout.command()
def start(
    version: Version,
    reason: Reason,
    alias: Alias = "champion",
    actor: Actor = None,
    expected: Annotated[str | None, typer.Option(help="The holder you saw; default: today's.")] = None,
    ab: AB = False,
    weight: Weight = None,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Open the rollout of a version; `rollout_sensor` moves it on from step to step, or back."""
    ab_weight, ab_days = ab_asked(ab, weight, days)
    runner = open_runner()
    holder = runner.registry.holder(alias)
    seen = expected or (holder.version if holder else None)
    name = runner.registry.resolve(version).version
    _act(
        runner, as_json, "start", alias, reason, actor,
        version=name, expected=seen, ab_weight=ab_weight, ab_days=ab_days,
    )  # fmt: skip


@rollout.command()
def status(alias: Alias = "champion", as_json: AsJson = False) -> None:
    """How the open rollout stands, what the decision table says now, and by which figures."""
    _show_status(alias, as_json)


@rollout.command()
def pause(
    reason: Reason,
    alias: Alias = "champion",
    actor: Actor = None,
    expected: _ChangeSeen = None,
    as_json: AsJson = False,
) -> None:
    """Let it go no further until it is resumed; what speaks against the candidate still rolls it back."""
    _act(open_runner(), as_json, "pause", alias, reason, actor, expected=expected)


@rollout.command()
def resume(
    reason: Reason,
    alias: Alias = "champion",
    actor: Actor = None,
    expected: _ChangeSeen = None,
    as_json: AsJson = False,
) -> None:
    """Let it go on."""
    _act(open_runner(), as_json, "resume", alias, reason, actor, expected=expected)


@rollout.command()
def abort(
    reason: Reason,
    alias: Alias = "champion",
    actor: Actor = None,
    expected: _ChangeSeen = None,
    as_json: AsJson = False,
) -> None:
    """Roll it back now, from whichever step; it needs no approval."""
    _act(open_runner(), as_json, "abort", alias, reason, actor, expected=expected)


rollout.command()(report)


def _act(
    runner: "Runner",
    as_json: bool,
    action: str,
    alias: str,
    reason: str,
    actor: str | None,
    *,
    version: str | None = None,
    expected: str | int | None = None,
    ab_weight: float | None = None,
    ab_days: int | None = None,
) -> None:
    from mlreg_dagster.governance.rollout.request import RolloutAction
    from mlreg_dagster.orchestration.resources import current_actor

    if expected is None and (newest := runner.registry.traffic(alias)) is not None and action != "start":
        expected = newest.sequence
    seen = None if expected is None else str(expected)
    runner.roll_out(RolloutAction(action, current_actor(actor), alias, version, reason, seen, ab_weight, ab_days))
    _show_status(alias, as_json)


def _show_status(alias: str, as_json: bool) -> None:
    """Look at it without the graph, which takes much longer to open than the question to answer."""
    import pandas as pd

    from mlreg_dagster.cli.rollout_tables import decision_facts, figures_table, traffic_table
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.governance.rollout.looking import look
    from mlreg_dagster.governance.rollout.wording import split_in_words
    from mlreg_dagster.registry.records.traffic import of_rollout, plain_facts
    from mlreg_dagster.storage.artifacts import open_artifacts
    from mlreg_dagster.storage.warehouse.opening import open_warehouse

    registry, home, settings, now = open_registry(), home_dir(), load_settings(), pd.Timestamp.now(tz="UTC")
    load_extensions(settings.extensions.modules)
    tables, store = open_warehouse(home), open_artifacts(artifacts_root(home))
    changes = of_rollout(registry.traffic_history(alias))
    newest = changes[-1] if changes else None
    found = look(registry, tables, home, settings, alias, now, store=store)
    sentences: list[str] = [split_in_words(newest) if newest else f"No rollout of {alias} was ever started."]
    figures = None
    if found is not None:
        figures = figures_table(found.figures)
        decision = found.decision
        sentences.append(f"Row {decision.row} of the table: {decision.ruling.replace('_', ' ')}. {decision.reason}")
    show(
        as_json,
        *sentences,
        split=plain_facts(newest),
        decision=decision_facts(found),
        changes=traffic_table(changes) if as_json or changes else None,
        figures=figures,
    )
