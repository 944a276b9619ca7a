"""`mlreg people`: the directory of people, whose names can be corrected and erased without touching the audit log."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import Actor
from mlreg_dagster.cli.session import AsJson, configured_rules, console, open_registry, show
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.config import PromotionSettings
    from mlreg_dagster.registry import Attribution, Person, PersonChange, Registry

people = typer.Typer(help="Who the ids of people stand for; names can be corrected and erased, records stay.")

Who = Annotated[str, typer.Argument(metavar="PERSON", help="An id, as `mlreg people list` shows it.")]
Role = Annotated[list[str] | None, typer.Option("--role", help="May be given several times.")]
Key = Annotated[str | None, typer.Option("--public-key", help="Ed25519 in base64; `mlreg keygen` makes a pair.")]
Contact = Annotated[str | None, typer.Option(help="How the person is reached, in any form.")]


@people.command("add")
def add_person(
    name: Annotated[str, typer.Option(help="An account name: what --actor, MLREG_ACTOR or the system calls them.")],
    contact: Contact = None,
    role: Role = None,
    public_key: Key = None,
    reason: Annotated[str, typer.Option(help="Why; kept for ever, without names.")] = "joined the directory",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Give a person an id, by which all records name them from then on. The first person adds themselves."""
    from mlreg_dagster.governance.decisions.authority import signing_key
    from mlreg_dagster.governance.people.entries import add
    from mlreg_dagster.registry import Entry

    registry = open_registry()
    entry = Entry(name, contact, tuple(role or ()), _checked_key(public_key))
    by, policy = _by(actor, reason), _policy(registry)
    _done(registry, add(registry, entry, by, policy, signing_key()), as_json)


@people.command("correct")
def correct_person(
    person: Who,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    contact: Contact = None,
    role: Role = None,
    public_key: Key = None,
    reason: Annotated[str, typer.Option(help="Why; kept for ever, without names.")] = "corrected",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Correct what is entered of a person; what it said before is overwritten. Options that are left out stay."""
    from mlreg_dagster.governance.decisions.authority import signing_key
    from mlreg_dagster.governance.people.entries import correct

    registry = open_registry()
    given = {
        "name": name, "contact": contact, "roles": None if role is None else tuple(role),
        "public_key": _checked_key(public_key),
    }  # fmt: skip
    changes = {field: value for field, value in given.items() if value is not None}
    by, policy = _by(actor, reason), _policy(registry)
    _done(registry, correct(registry, person, changes, by, policy, signing_key()), as_json)


@people.command("erase")
def erase_person(
    person: Who,
    reason: Annotated[str, typer.Option(help="Why; kept for ever, without names.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    also: Annotated[
        list[Path] | None, typer.Option("--also", help="A further folder to search: of backups, of exports.")
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Erase name and contact of a person for good, and list the files that may still hold them."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.governance.decisions.authority import signing_key
    from mlreg_dagster.governance.people.entries import erase, person_of
    from mlreg_dagster.operations.traces import records_with, traces_in

    registry = open_registry()
    known = person_of(registry, person)
    _require_consent(known, yes)
    phrases = [text for text in (known.name, known.contact) if text]
    change = erase(registry, known.id, _by(actor, reason), _policy(registry), signing_key())
    traces = traces_in([home_dir(), *(also or [])], phrases)
    records = records_with(registry, phrases)
    _report(registry, change)
    lines = [f"Name and contact of {known.id} are gone. Id, roles and public key stay: docs/how-to/people.md says why."]
    if registry.is_on_server:
        lines.append("PostgreSQL keeps old rows until they are vacuumed: run VACUUM (FULL) people; on the server.")
    if records:
        lines.append(
            f"{len(records)} records were written with the name before the directory had an id for it, and can't be "
            f"changed: record {', '.join(map(str, records[:10]))}{', …' if len(records) > 10 else ''}."
        )
    lines += [f"{'Holds' if each.is_certain else 'May hold'} it still: {each.file}. {each.advice}" for each in traces]
    if not phrases:
        lines = [f"{known.id} was erased before. The registry's file was rewritten again."]
    show(
        as_json,
        *lines,
        person=known.id,
        records=records,
        files=[{"file": str(each.file), "certain": each.is_certain, "advice": each.advice} for each in traces],
    )


@people.command("list")
def list_people(as_json: AsJson = False) -> None:
    """Everybody in the directory, with roles and keys; erased people without names."""
    from mlreg_dagster.cli.people_table import people_table

    show(as_json, people=people_table(open_registry().people()))


@people.command("whois")
def whois(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="An id, or a present name.")],
    as_json: AsJson = False,
) -> None:
    """Who a person is, and every change of the entry."""
    from mlreg_dagster.cli.people_table import changes_table, people_table
    from mlreg_dagster.governance.people.entries import person_of

    registry = open_registry()
    known = person_of(registry, person)
    show(as_json, people=people_table([known]), changes=changes_table(registry.person_changes(known.id)))


@people.command("read")
def read_file(
    file: Annotated[Path, typer.Argument(help="A card, report or export: text that holds ids.", dir_okay=False)],
) -> None:
    """Print a file with the present names beside the ids. The file, which is kept, stays without names."""
    from mlreg_dagster.cli.session import people_named

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MlregError(f"{file} can't be read as text: {error}. Name a .md, .html, .json or .csv file.") from error
    typer.echo(people_named(text), nl=False)


def _by(actor: str | None, reason: str) -> "Attribution":
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.registry import Attribution

    return Attribution(current_actor(actor), datetime.now(UTC), reason)


def _policy(registry: "Registry") -> "PromotionSettings":
    from mlreg_dagster.governance.policy.in_force import rules_now

    return rules_now(registry, configured_rules(), datetime.now(UTC)).promotion


def _checked_key(public_key: str | None) -> str | None:
    from mlreg_dagster.config.section import validated
    from mlreg_dagster.config.sections.governance import Person

    return validated(Person, {"public_key": public_key}, "--public-key").public_key


def _require_consent(known: "Person", yes: bool) -> None:
    """Ask before a name is erased.

    Raises:
        MlregError: The answer is no, or nobody can be asked.
    """
    if yes:
        return
    if not console.is_terminal:
        raise MlregError("Erasing can't be undone. Add --yes to erase without being asked.")
    if not typer.confirm(f"Erase name and contact of {known.name or known.id} ({known.id}) for good?"):
        raise MlregError("Nothing was erased.")


def _done(registry: "Registry", change: "PersonChange", as_json: bool) -> None:
    from mlreg_dagster.cli.people_table import people_table

    _report(registry, change)
    show(as_json, people=people_table([registry.directory().people[change.person]]))


def _report(registry: "Registry", change: "PersonChange") -> None:
    """Leave the head of the audit log with Dagster, which witnesses it."""
    from mlreg_dagster.cli.intact import leave_witness
    from mlreg_dagster.orchestration.instance.person_events import metadata_of, sentence_of

    leave_witness(registry, sentence_of(change), metadata_of(change))
