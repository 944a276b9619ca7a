"""What others wrote is text in a terminal: it colours nothing, moves nothing and is no second row."""

import io
import re
from types import SimpleNamespace

import pandas as pd
import pytest

from mlreg_dagster.cli.session import Terminal
from mlreg_dagster.cli.tables import findings_table, history_table
from mlreg_dagster.core.health import Finding

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\nv9 \u202eevil\u202c [red]x[/red] [link=https://evil]y[/link]\r\x9b1m"


@pytest.fixture
def printed():
    output = io.StringIO()
    terminal = Terminal(file=output, force_terminal=True, width=200, color_system=None)

    def show(*objects, **options):
        terminal.print(*objects, **options)
        return output.getvalue()

    return show


def acting(text):
    return set(text) & set("\x1b\x07\x9b\r\u202e\u202c")


def test_a_table_shows_names_and_reasons_as_they_are(printed):
    now = pd.Timestamp("2026-01-01", tz="UTC")
    event = SimpleNamespace(
        alias="champion",
        version="v1",
        previous_version=None,
        effective_at=now,
        recorded_at=now,
        actor=HOSTILE,
        reason=HOSTILE,
        artifact_sha256="a" * 64,
        run_id=None,
        evidence={"facts": {"approved_by": [HOSTILE, "eve"]}},
    )
    shown = printed(history_table([event]))
    assert acting(re.sub(r"\x1b\[[0-3]?m", "", shown)) == set()  # but for what Rich itself writes
    assert "[red]x[/red]" in shown
    assert not any(line.strip().startswith("v9") for line in shown.splitlines())


def test_so_does_a_table_of_findings(printed):
    shown = printed(findings_table("http://x\x1b[2J", [Finding("name", "miss", HOSTILE, HOSTILE)]))
    assert "\x07" not in shown
    assert "\x1b[2J" not in shown
    assert "[link=https://evil]" in shown


def test_and_a_sentence(printed):
    shown = printed(HOSTILE, markup=False)
    assert acting(shown) == set()
