"""Tables keep every word at any width."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from mlreg_dagster.cli.tables import findings_table
from mlreg_dagster.core.display.text_table import Grid, column_widths
from mlreg_dagster.core.health import Finding

REPAIR = (
    "dagster asset materialize -m mlreg_dagster.definitions --select market_features "
    "--partition-range 2026-01-01-00:00...2026-01-20-23:00"
)
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)
cells = st.lists(words, max_size=6).map(" ".join)


def printed(what, width: int | None) -> str:
    """As a terminal of that width is sent it; None: as a pipe is."""
    file = io.StringIO()
    Console(file=file, width=width or 80, force_terminal=width is not None, soft_wrap=True, no_color=True).print(what)
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4), st.integers(10, 200))
def test_no_word_is_cut_and_no_column_dropped(rows, width):
    grid = Grid("A title", ("first", "second one", "third"), None)
    for row in rows:
        grid.add_row(*row)
    for said in (printed(grid, width), printed(grid, None)):
        found = said.split()
        for word in ["first", "second", "one", "third", *(word for row in rows for word in " ".join(row).split())]:
            assert word in found


@given(st.lists(st.lists(cells, min_size=1, max_size=3), min_size=1, max_size=5), st.integers(1, 300))
def test_columns_fit_the_room_or_are_not_laid_out(columns, room):
    widths = column_widths(columns, room)
    longest = [max((cell_len(word) for cell in cells for word in cell.split()), default=0) for cells in columns]
    if widths is None:
        assert sum(longest) + 3 * (len(columns) + 1) > room
    else:
        assert sum(widths) + 3 * (len(columns) + 1) <= room
        assert all(width >= word for width, word in zip(widths, longest, strict=True))


@pytest.mark.parametrize("width", [20, 60, 80, 120, 400, None])
def test_a_repair_command_can_be_pasted(width):
    findings = [
        Finding("features", "miss", "24 hours are missing in the table " * 3, REPAIR),
        Finding("artifacts", "ok", "3 of 3"),
    ]
    said = printed(findings_table("/a/home/that/is/far/away", findings), width)
    assert f"- features: {REPAIR}" in said.splitlines()
    assert "MISS" in said
    assert "artifacts" in said


def test_what_is_piped_has_no_width():
    grid = Grid("A title", ("one", "two"), None)
    grid.add_row("word " * 40, "other " * 40)
    (line,) = [line for line in printed(grid, None).splitlines() if "word" in line]
    assert (line.count("word"), line.count("other")) == (40, 40)


def test_markup_of_people_is_shown_as_they_wrote_it():
    said = printed(findings_table("[home]", [Finding("[b]x[/b]", "ok", "[red]seen[/]")]), 200)
    assert "[home]" in said
    assert "[b]x[/b]" in said
    assert "[red]seen[/]" in said
