"""`mlreg audit`: verify the audit log or an export of it, export it, and publish its head."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import writing_to
from mlreg_dagster.cli.intact import require_intact, witnessed_heads
from mlreg_dagster.cli.session import AsJson, console, open_registry, open_runner, progress_console, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlreg_dagster.governance.audit_export.witnesses import Published, Witnesses
    from mlreg_dagster.registry import AuditRecord, Restore

audit = typer.Typer(help="The log of everything that was ever stored in the registry, chained by hashes; and the data.")


@audit.command("verify")
def verify_audit(
    file: Annotated[
        Path | None, typer.Option(help="An export, in place of the registry; then no home is asked for or made.")
    ] = None,
    head: Annotated[
        list[str] | None, typer.Option(help="SEQUENCE:HASH that the log had once; more than one may be given.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="A file of published heads, or an earlier export; also more than one.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A public key: every head of the files must be signed with one of these.")
    ] = None,
    allow_restores: Annotated[
        bool, typer.Option(help="Accept that records are missing which a restore on record lost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for any edit, removal, insertion or reordering.

    Exits with 1 where something is found, and names the first broken record; also where no record has a witness, since
    a removal of the newest ones, or a log that was written again as a whole, would not be noticed.
    """
    from mlreg_dagster.governance.audit_export.verification import published_in
    from mlreg_dagster.governance.audit_export.witnesses import named_head

    keys = key or []
    published = [*map(named_head, head or ()), *(published_in(path, keys) for path in _once(against or ()))]
    if file is not None:
        _verify_file(file, published, keys, allow_restores, as_json)
    else:
        _verify_registry(published, allow_restores, as_json)


def _verify_file(
    file: Path, published: "list[Published]", keys: list[str], allow_restores: bool, as_json: bool
) -> None:
    from mlreg_dagster.governance.audit_export.verification import lost_in, signer, verify
    from mlreg_dagster.governance.audit_export.witnesses import confirmed

    export = verify(file, keys)
    excused = lost_in(export.restores) if allow_restores else frozenset()
    witnesses = confirmed(export.chain, [*published, *signer(export, keys)], excused)
    remarks = [_signed_by(export.head.public_key, keys)]
    if witnesses.is_blind:
        remarks.append(
            "A file that was written again as a whole would look the same. Give what you know from elsewhere: a "
            "published head (--head, --against), or the public key of the person who signed (--key)."
        )
    _show(as_json, export.chain, witnesses, remarks, export.restores, export.decided, export.head.public_key)


def _verify_registry(published: "list[Published]", allow_restores: bool, as_json: bool) -> None:
    from mlreg_dagster.governance.audit_export.verification import lost_in
    from mlreg_dagster.governance.audit_export.witnesses import DAGSTER, chain_of, confirmed
    from mlreg_dagster.registry.witness import witness_of

    registry = open_registry()
    heads = witnessed_heads()
    log, restores = require_intact(registry, heads), registry.restores()
    chain = chain_of(log)
    dagster = witness_of(registry, heads)
    excused = lost_in(restores) if allow_restores else frozenset()
    witnesses = confirmed(chain, published, excused).also(DAGSTER, dagster.witnessed)
    remarks = [] if dagster.is_blind and not witnesses.is_blind else [dagster.text]
    _show(as_json, chain, witnesses, remarks, restores, log, None)


def _show(
    as_json: bool,
    chain: "Mapping[int, str]",
    witnesses: "Witnesses",
    remarks: list[str],
    restores: "Sequence[Restore]",
    decided: "Iterable[AuditRecord]",
    signed_by: str | None,
) -> None:
    """Print what was found, and exit with 1 where no record has a witness."""
    from mlreg_dagster.governance.audit_export.signatures import signatures_in

    signatures = signatures_in(decided)
    records = witnesses.records
    head = chain[records] if records else None
    restored = _described(restores)
    show(
        as_json,
        f"{records} records, all as they were written." + (f" Head: {head}" if head else ""),
        *restored,
        signatures.text,
        witnesses.text,
        *remarks,
        records=records,
        head=head,
        witnessed=witnesses.witnessed,
        witnesses=len(witnesses.newest),
        signed_by=signed_by,
        signatures=signatures,
        restores=restored,
    )
    raise typer.Exit(1 if witnesses.is_blind else 0)


def _signed_by(public_key: str | None, keys: list[str]) -> str:
    if public_key is None:
        return "The head is not signed."
    known = "" if keys else " Whose key that is, the file can't prove: name the key that you know by --key."
    return f"The head is signed with {public_key}.{known}"


def _once(paths: "Sequence[Path]") -> list[Path]:
    """One file is one witness, however often it is named."""
    return list({path.resolve(): path for path in paths}.values())


def _described(restores: "Sequence[Restore]") -> list[str]:
    if not restores:
        return []
    from mlreg_dagster.operations.recovery import describe_restore

    return [describe_restore(each) for each in restores]


@audit.command("export")
def export_audit(
    out: Annotated[Path | None, typer.Option(help="The file; default: the standard output.")] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="Vouch for the log with the key that MLREG_SIGNING_KEY names.")
    ] = False,
) -> None:
    """Write the log as JSON Lines that `mlreg audit verify --file` and other programs verify without the registry.

    A log that was tampered with is exported as it is, to be compared; it is never signed.
    """
    from mlreg_dagster.governance.audit_export.export import export, head_of
    from mlreg_dagster.governance.audit_export.lines import spelled
    from mlreg_dagster.governance.audit_export.witnesses import DAGSTER, chain_of, confirmed
    from mlreg_dagster.governance.decisions.authority import required_key
    from mlreg_dagster.registry.witness import witness_of

    key = required_key("--signed") if signed else None
    registry = open_registry()
    heads = witnessed_heads()
    log = require_intact(registry, heads) if signed else registry.audit_log()
    fits = signed or registry.find_tampering(heads) is None
    dagster = witness_of(registry, heads).witnessed if fits else 0
    witnesses = confirmed(chain_of(log), ()).also(DAGSTER, dagster)
    head = head_of(log, datetime.now(UTC), witnesses=len(witnesses.newest), key=key)
    lines = [f"{spelled(line)}\n" for line in export(log, head)]
    remark = "" if fits else " The registry was tampered with: `mlreg audit verify` names the record."
    if out is None:
        typer.echo("".join(lines), nl=False)
    else:
        with writing_to(out):
            out.write_text("".join(lines), encoding="utf-8", newline="\n")
        console.print(f"{len(log)} records are in {out}. Head: {head.text}", highlight=False)
    progress_console.print(f"{witnesses.text}{remark}", highlight=False)


@audit.command("publish")
def publish_head(as_json: AsJson = False) -> None:
    """Publish the head of the log at every place that audit.yaml names; from then on a cut or a rewrite shows."""
    import json

    from mlreg_dagster.core.names import PUBLISH_HEAD
    from mlreg_dagster.orchestration.instance.audit_anchors import published_by

    runner = open_runner()
    line, places = published_by(runner.instance, runner.run(PUBLISH_HEAD))
    head = json.loads(line)
    show(
        as_json,
        f"Published in {', '.join(places)}. Independent witnesses: {head['witnesses']}.",
        f"Head: {head['sequence']}:{head['hash']}",
        head=head,
        places=places,
    )


@audit.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the lines of an export and of published heads."""
    from mlreg_dagster.governance.audit_export.lines import shipped_schema

    typer.echo(shipped_schema(), nl=False)
