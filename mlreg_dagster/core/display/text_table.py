"""Tables for a terminal that keep every word at any width and carry the facts that they show.

Columns are as wide as their content asks; where that is too much, text wraps between words. Where even that does not
fit, each row is written as lines of its own. Output that is piped has no width.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from mlreg_dagster.core.untrusted.text import one_line, visible

_BESIDE_A_COLUMN = 3  # its padding, and the border
_LONGEST_CELL = 4000


@dataclass
class Grid:
    """One table.

    Attributes:
        title: What it shows.
        columns: Their names.
        facts: The same as plain values, unrounded: what `--json` prints.
        empty: The text where there is no row.
        caption: Explains what the table can't.
        rows: Cells as Rich markup.
        notes: Lines below it that are never wrapped, such as commands to paste.
    """

    title: str
    columns: Sequence[str]
    facts: Any
    empty: str = ""
    caption: str = ""
    rows: list[list[Text]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        """Add a row of Rich markup."""
        self.rows.append([Text.from_markup(one_line(cell, _LONGEST_CELL)) for cell in cells])

    def mentions(self, pattern: re.Pattern[str]) -> bool:
        """Whether a text of it holds what a pattern describes."""
        texts = (self.title, *self.notes, *(cell.plain for row in self.rows for cell in row))
        return any(pattern.search(text) for text in texts)

    def spelled(self, spell: Callable[[str], str]) -> "Grid":
        """The same with each text as `spell` gives it; the facts stay as they are."""
        rows = [[Text.from_markup(spell(cell.markup)) for cell in row] for row in self.rows]
        return replace(self, title=spell(self.title), rows=rows, notes=[spell(note) for note in self.notes])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As a table where every word fits, else row by row."""
        if not self.rows:
            yield Text(self.empty or f"{self.title}: none.")
            return
        columns = [[Text(name), *cells] for name, cells in zip(self.columns, zip(*self.rows, strict=True), strict=True)]
        room = options.max_width if console.is_terminal else None
        widths = column_widths([[cell.plain for cell in column] for column in columns], room)
        yield Text(visible(self.title, _LONGEST_CELL), style="bold")
        if widths is None:
            yield from self._row_by_row()
        else:
            whole = options.update(max_width=sum(widths) + _BESIDE_A_COLUMN * (len(widths) + 1), no_wrap=False)
            yield from console.render(self._table(widths), whole)
        if self.caption:
            yield Text(self.caption, style="dim")
        yield from (Text(visible(note)) for note in self.notes)

    def _table(self, widths: Sequence[int]) -> Table:
        table = Table(box=SIMPLE_HEAD)
        for name, width in zip(self.columns, widths, strict=True):
            table.add_column(Text(name), width=width, overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def _row_by_row(self) -> RenderResult:
        longest = max(len(name) for name in self.columns[1:])
        for row in self.rows:
            yield Text.assemble(f"\n{self.columns[0]} ".lstrip(" "), row[0], style="bold")
            for name, cell in zip(self.columns[1:], row[1:], strict=True):
                yield Text.assemble((f"  {name:<{longest}}  ", "dim"), cell)
        yield Text()


def column_widths(columns: Sequence[Sequence[str]], room: int | None) -> list[int] | None:
    """How wide each column is to be so that no word is cut; None where `room` is too small for that.

    Args:
        columns: The cells of each, with its name.
        room: Characters there are; None = as many as needed.
    """
    most = [max(cell_len(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    least = [max((cell_len(word) for cell in cells for word in cell.split()), default=0) for cells in columns]
    if room is None:
        return most
    spare = room - _BESIDE_A_COLUMN * (len(columns) + 1) - sum(least)
    if spare < 0:
        return None
    wanted = [more - few for more, few in zip(most, least, strict=True)]
    if sum(wanted) <= spare:
        return most
    return [few + spare * want // sum(wanted) for few, want in zip(least, wanted, strict=True)]
