"""Commands by which people decide on versions, and by which others check what was decided."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from mlreg_dagster.cli.arguments import Actor, Alias, Reason, Version, complete_aliases, writing_to
from mlreg_dagster.cli.opening import AsJson, console, open_runner, show
from mlreg_dagster.errors import MlregError

audit = typer.Typer(help="The log of everything that was ever stored in the registry, chained by hashes.")


def approve(version: Version, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Vouch for a version: for its bytes, on its latest evaluation."""
    _decide("approve", version, {"reason": reason, "actor": actor}, as_json)


def reject(version: Version, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Object to a version; it can't take an alias until the same person approves it."""
    _decide("reject", version, {"reason": reason, "actor": actor}, as_json)


def except_(
    version: Version,
    reason: Reason,
    lift: Annotated[list[str], typer.Option(help="freeze, stability, evaluation_age or matured_outcomes.")],
    until: Annotated[str, typer.Option(help="When it expires, a whole hour, UTC (2017-12-20T00:00).")],
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Lift, for a time, what holds a version up; never a failed gate, a rejection or a missing approval."""
    _decide("grant_exception", version, {"reason": reason, "actor": actor, "lifts": lift, "expires_at": until}, as_json)


def history(
    alias: Annotated[str, typer.Argument(help="champion, challenger, …", autocompletion=complete_aliases)] = "champion",
    as_json: AsJson = False,
) -> None:
    """Every move of an alias: who, when, why, and who approved. Refuses to tell from a log that was tampered with."""
    from mlreg_dagster.tables import history_table

    runner = open_runner()
    _require_intact(runner)
    show(as_json, moves=history_table(runner.registry.history(alias)))


def keygen(file: Annotated[Path, typer.Argument(help="Where the private key is written; it must not exist.")]) -> None:
    """Make a pair of keys to sign decisions with."""
    from mlreg_dagster.governance.signing import make_key

    public = make_key(file)
    console.print(f"The private key is in {file}; let MLREG_SIGNING_KEY name it. For promotion.yaml, under your name:")
    console.print(f'  public_key: "{public}"', highlight=False)


@audit.command("verify")
def verify_audit(as_json: AsJson = False) -> None:
    """Look for any edit, removal, insertion or reordering. Exits with 1 and names the first broken record."""
    runner = open_runner()
    log = _require_intact(runner)
    head = log[-1].hash if log else None
    sentence = f"{len(log)} records, all as they were written." + (f" Head: {head}" if head else "")
    show(as_json, sentence, records=len(log), head=head)


@audit.command("export")
def export_audit(
    out: Annotated[Path | None, typer.Option(help="The file; default: the standard output.")] = None,
) -> None:
    """Write the log as JSON Lines: sequence, kind, row, content, hashes."""
    import json
    from dataclasses import asdict

    lines = [
        json.dumps(asdict(record) | {"content": json.loads(record.content)}, sort_keys=True)
        for record in open_runner().registry.audit_log()
    ]
    if out is None:
        typer.echo("\n".join(lines))
        return
    with writing_to(out):
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    console.print(f"{len(lines)} records are in {out}.")


def _decide(job: str, version: str, config: dict[str, Any], as_json: bool) -> None:
    from mlreg_dagster.tables import decisions_table

    runner = open_runner()
    name = runner.registry.resolve(version).version
    op = {"approve": "record_approval", "reject": "record_rejection", "grant_exception": "record_exception"}[job]
    runner.run(job, {"ops": {op: {"config": {"version": name, **config}}}})
    show(as_json, decisions=decisions_table(runner.registry.decisions(name)))


def _require_intact(runner: Any) -> Any:
    """The audit log, if nothing of it was tampered with.

    Raises:
        MlregError: Something was; the first broken record is named.
    """
    from mlreg_dagster.orchestration.witnesses import witnessed_heads

    if broken := runner.registry.find_tampering(witnessed_heads(runner.instance)):
        raise MlregError(
            f"The registry was tampered with. {broken} Nothing after it is to be believed: compare with a copy, and "
            f"with the runs in Dagster; see docs/runbook.md."
        )
    return runner.registry.audit_log()


def champion(
    as_of: Annotated[str | None, typer.Option(help="A time, UTC; default: now.")] = None,
    alias: Alias = "champion",
    as_json: AsJson = False,
) -> None:
    """Which version held the alias at a time, who put it there, and why."""
    from mlreg_dagster.hours import as_time
    from mlreg_dagster.tables import history_table

    when = as_time(as_of) if as_of else pd.Timestamp.now(tz="UTC")
    runner = open_runner()
    _require_intact(runner)
    event = runner.registry.holder(alias, when)
    if event is None:
        raise MlregError(f"Nobody held {alias} as of {when:%Y-%m-%d %H:%M} UTC.")
    show(as_json, moves=history_table([event]))
