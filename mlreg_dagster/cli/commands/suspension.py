"""Commands that stop the holder of an alias from scoring, and let it go on; they load no graph."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import Actor, Reason, complete_aliases
from mlreg_dagster.cli.session import AsJson, open_registry, show

if TYPE_CHECKING:
    from mlreg_dagster.governance.suspension.suspending import Authority
    from mlreg_dagster.registry import Registry, Suspension

_Which = Annotated[str, typer.Argument(help="champion, challenger, …", autocompletion=complete_aliases)]


def suspend(alias: _Which, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Stop the holder of an alias now: no hour is scored, servers answer 503, nothing is promoted. Needs no approval.

    One that is suspended already stays so; the exit code is 0, since what was asked for is so.
    """
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.governance.suspension.suspending import suspend as do
    from mlreg_dagster.registry import AlreadySuspended, Attribution

    registry = open_registry()
    by = Attribution(registry.acting(current_actor(actor)), datetime.now(UTC), reason)
    try:
        change = do(registry, alias, by, _authority(registry))
    except AlreadySuspended as already:
        _tell(as_json, registry.suspension(alias), f"Nothing to do: {already}", recorded=False)
        return
    answers = "answer by the holder before" if change.previous else "answer 503"
    stopped = f"No hour is scored, servers {answers}, and nothing is promoted until mlreg resume {alias}."
    _tell(as_json, change, f"{change.in_words}. {stopped}")
    _leave_witness(registry, change)


def resume(alias: _Which, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Let the holder of a suspended alias score again, if the policy allows it; the hours meanwhile stay without it."""
    from mlreg_dagster.cli.intact import require_intact, witnessed_heads
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.governance.suspension.suspending import resume as do
    from mlreg_dagster.registry import Attribution

    registry = open_registry()
    require_intact(registry, witnessed_heads())
    by = Attribution(registry.acting(current_actor(actor)), datetime.now(UTC), reason)
    change = do(registry, alias, by, _authority(registry))
    _tell(as_json, change, f"{alias} is resumed: {change.version} scores again. Hours meanwhile stay without it.")
    _leave_witness(registry, change)


def _authority(registry: "Registry") -> "Authority":
    """By what it is judged: the policy in force; the files' where a registry has none yet."""
    from mlreg_dagster.config import load_settings
    from mlreg_dagster.governance.decisions.authority import signing_key
    from mlreg_dagster.governance.suspension.suspending import Authority, policy_in_force

    return Authority(policy_in_force(registry, lambda: load_settings().promotion), signing_key())


def _tell(as_json: bool, change: "Suspension | None", sentence: str, *, recorded: bool = True) -> None:
    from mlreg_dagster.registry.records.suspensions import plain_facts

    show(as_json, sentence, suspension=plain_facts(change), recorded=recorded)
    sys.stdout.flush()  # what comes now takes longer than what was asked for


def _leave_witness(registry: "Registry", change: "Suspension") -> None:
    from mlreg_dagster.cli.intact import leave_witness
    from mlreg_dagster.governance.suspension.showing import metadata_of, sentence_of

    leave_witness(registry, sentence_of(change), metadata_of(change))
