"""Tables of people for the terminal and for `--json`."""

from collections.abc import Iterable
from dataclasses import asdict

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.registry import Person, PersonChange

_SHOWN_OF_KEY = 12


def people_table(people: Iterable[Person]) -> Grid:
    """Who the ids stand for: the one output that maps ids to names."""
    people = list(people)
    facts = [{**asdict(each), "roles": list(each.roles), "erased": each.is_erased} for each in people]
    columns = ("who", "contact", "roles", "public key")
    empty = "The directory is empty: records hold the names that people act under. `mlreg people add` begins it."
    grid = Grid("People", columns, facts, empty=empty)
    for each in people:
        grid.add_row(
            each.id,
            escape(each.contact or "-"),
            escape(", ".join(each.roles)) or "-",
            f"{each.public_key[:_SHOWN_OF_KEY]}…" if each.public_key else "-",
        )
    return grid


def changes_table(changes: Iterable[PersonChange]) -> Grid:
    """The changes of an entry, the newest last; names are no part of them."""
    changes = list(changes)
    columns = ("recorded", "event", "roles", "by", "reason", "signed")
    grid = Grid("Changes", columns, [asdict(each) for each in changes])
    for each in changes:
        grid.add_row(
            f"{each.recorded_at:%Y-%m-%d %H:%M}",
            each.event,
            escape(", ".join(each.roles)) or "-",
            escape(each.actor),
            escape(each.reason),
            "yes" if each.signature else "no",
        )
    return grid
