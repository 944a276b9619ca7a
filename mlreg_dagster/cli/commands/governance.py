"""Commands by which people decide on versions and on the policy, and by which others check what was decided."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlreg_dagster.cli.arguments import Actor, Alias, Reason, Version, complete_aliases
from mlreg_dagster.cli.intact import require_intact, witnessed_heads
from mlreg_dagster.cli.session import AsJson, configured_rules, console, open_registry, open_runner, show
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.registry import Registry

policy = typer.Typer(help="What promotions are judged by: kept in the registry, changed by a decision of its own.")


def approve(version: Version, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Approve a version: its bytes, on its latest evaluation."""
    _decide("approve", version, {"reason": reason, "actor": actor}, as_json)


def reject(version: Version, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Reject a version; it can't take an alias until the same person approves it or withdraws."""
    _decide("reject", version, {"reason": reason, "actor": actor}, as_json)


_Until = Annotated[str, typer.Option(help="When it expires, a whole hour, UTC (2017-12-20T00:00).")]


def waive(
    version: Version,
    reason: Reason,
    rule: Annotated[list[str], typer.Option(help="freeze, stability, evaluation_age or matured_outcomes.")],
    until: _Until,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Waive rules for a version, for a time; never a failed gate, a rejection or a missing approval."""
    config = {"reason": reason, "actor": actor, "waives": rule, "expires_at": until}
    _decide("grant_exception", version, config, as_json)


def except_(
    version: Version,
    reason: Reason,
    lift: Annotated[list[str], typer.Option(help="The old name of `waive --rule`.")],
    until: _Until,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """The old name of `mlreg waive`."""
    waive(version, reason, lift, until, actor, as_json)


def withdraw(
    decision: Annotated[int, typer.Argument(help="Its number; `mlreg decisions VERSION` lists them.", min=1)],
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Take a decision back: your own approval or rejection, or any waiver."""
    runner = open_runner()
    version = runner.registry.decision(decision).version
    config = {"decision": decision, "reason": reason, "actor": actor}
    runner.run("withdraw", {"ops": {"record_withdrawal": {"config": config}}})
    _show_decisions(runner.registry, version, as_json)


def decisions(version: Version, as_json: AsJson = False) -> None:
    """Every approval, rejection and waiver of a version, and which were withdrawn."""
    registry = open_registry()
    _show_decisions(registry, registry.resolve(version).version, as_json)


def refusals(as_json: AsJson = False) -> None:
    """Every promotion that was refused or had to wait: who asked, when, and why it was."""
    from mlreg_dagster.cli.tables import refusals_table

    show(as_json, refusals=refusals_table(open_registry().refusals()))


@policy.command("show")
def show_policy(as_json: AsJson = False) -> None:
    """Which policy is in force, who adopted it, and what the configuration files say otherwise."""
    from mlreg_dagster.cli.tables import policies_table
    from mlreg_dagster.governance.policy.in_force import differences, rules_now

    registry, files = open_registry(), configured_rules()
    found = differences(rules_now(registry, files, datetime.now(UTC)), files)
    says = "The configuration files say the same."
    if found:
        says = "The configuration files differ, and do nothing until they are adopted (in force → in the files):"
    show(
        as_json,
        says,
        *(f"  {line}" for line in found),
        policies=policies_table(registry.policies()),
        differences=found,
    )


@policy.command("approve")
def approve_policy(reason: Reason, actor: Actor = None) -> None:
    """Consent to what the configuration files say, where the policy in force asks for approvals."""
    open_runner().run("approve_policy", _change("record_approve_policy", reason, actor))
    console.print("Approved. `mlreg policy adopt` puts the files in force once enough people have.")


@policy.command("adopt")
def adopt_policy(reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Put promotion.yaml, use_case.yaml and evaluation.yaml in force, if the policy before lets you."""
    from mlreg_dagster.cli.tables import policies_table

    runner = open_runner()
    runner.run("adopt_policy", _change("record_adopt_policy", reason, actor))
    show(as_json, policies=policies_table(runner.registry.policies()))


def _change(op: str, reason: str, actor: str | None) -> dict[str, Any]:
    return {"ops": {op: {"config": {"reason": reason, "actor": actor}}}}


def history(
    alias: Annotated[str, typer.Argument(help="champion, challenger, …", autocompletion=complete_aliases)] = "champion",
    as_json: AsJson = False,
) -> None:
    """Every move of an alias, its rollouts and suspensions: who, when, why. Refuses a log that was tampered with."""
    from mlreg_dagster.cli.rollout_tables import traffic_table
    from mlreg_dagster.cli.suspension_table import suspensions_table
    from mlreg_dagster.cli.tables import history_table
    from mlreg_dagster.governance.moves import uncounted_moves

    registry, now = open_registry(), datetime.now(UTC)
    require_intact(registry, witnessed_heads())
    others = list(uncounted_moves(registry, alias, now))
    counted = history_table(move for move in registry.history(alias) if move.effective_at <= now)
    rollouts, stops = traffic_table(registry.traffic_history(alias)), suspensions_table(registry.suspensions(alias))
    show(
        as_json,
        *others,
        moves=counted,
        traffic=rollouts if as_json or rollouts.rows else None,
        suspensions=stops if as_json or stops.rows else None,
        do_not_count=others,
    )


def keygen(file: Annotated[Path, typer.Argument(help="Where the private key is written; it must not exist.")]) -> None:
    """Make a pair of keys to sign decisions with."""
    from mlreg_dagster.governance.decisions.signing import make_key

    public = make_key(file)
    console.print(f"The private key is in {file}; let MLREG_SIGNING_KEY name it. For promotion.yaml, under your name:")
    console.print(f'  public_key: "{public}"', highlight=False)


def _decide(job: str, version: str, config: dict[str, Any], as_json: bool) -> None:

    runner = open_runner()
    name = runner.registry.resolve(version).version
    op = {"approve": "record_approval", "reject": "record_rejection", "grant_exception": "record_exception"}[job]
    runner.run(job, {"ops": {op: {"config": {"version": name, **config}}}})
    _show_decisions(runner.registry, name, as_json)


def _show_decisions(registry: "Registry", version: str, as_json: bool) -> None:
    from mlreg_dagster.cli.tables import decisions_table

    show(as_json, decisions=decisions_table(registry.decisions(version), registry.withdrawals(version)))


def champion(
    as_of: Annotated[str | None, typer.Option(help="A time, UTC; default: now.")] = None,
    alias: Alias = "champion",
    as_json: AsJson = False,
) -> None:
    """Which version held the alias at a time, who put it there, and why; whether it was suspended, or rolled out."""
    from mlreg_dagster.cli.tables import history_table
    from mlreg_dagster.core.times import read_time
    from mlreg_dagster.governance.standing import alias_standing

    registry = open_registry()
    require_intact(registry, witnessed_heads())
    found = alias_standing(registry, alias, read_time(as_of) if as_of else datetime.now(UTC))
    if found.move is None:
        raise MlregError(found.in_words)
    show(as_json, *found.remarks, **{**found.facts, "moves": history_table([found.move])})
