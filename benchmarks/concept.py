"""How often a champion is said to be worse that is not, and which drop of its recall is found.

    python benchmarks/concept.py run RESULTS.jsonl FIRST LAST [null] [drops] [null-ranking] [drops-ranking]
    python benchmarks/concept.py report RESULTS.jsonl [RESULTS.jsonl …]

`run` works on the markets with the seeds FIRST to LAST - 1 (`concept_markets`) and adds a line for each to the file; a
seed that is there is not run again. `report` prints the tables.

- `null`: a year in which both are equally good, looked at every day.
- `drops`: the champion loses so many points of recall for good, after 120 days; looked at for 56 days.

The opponent is the predecessor, or (`…-ranking`) a simple ranking, whose difference is held against what it was before.
An episode is an onset: a day on which the champion is worse and was not so on the day before.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest, norm
from seeded_results import by_part, run

from mlreg_dagster.config import load_settings
from mlreg_dagster_tests.monitoring.concept_markets import RANKING, looks, onsets, simulated
from mlreg_dagster_tests.repository import PROJECT_DIR

SETTINGS = load_settings(PROJECT_DIR / "configs").drift.detection
DROPS = (2, 5, 10, 20, 30, 40)
YEAR, BEFORE, AFTER = 365, 120, 56
WITHIN = (14, 28, 56)


def null(seed: int, opponent: str) -> dict[str, Any]:
    """Onsets of a year, and the median of the drop that could have been found."""
    said = looks(simulated(seed, YEAR, opponent), SETTINGS)
    known = [each.detectable for each in said if each.verdict != "unknown"]
    return {"onsets": onsets(said), "known": len(known), "detectable": float(np.median(known))}


def drops(seed: int, opponent: str) -> dict[str, Any]:
    """When each drop is found first, and the crash episodes and the power of the first 28 days of it."""
    found: dict[str, Any] = {}
    for points in DROPS:
        market = simulated(seed, BEFORE + AFTER, opponent, points / 100, BEFORE)
        said = looks(market, SETTINGS, len(market.counted) - AFTER)
        first = next((day for day, each in enumerate(said, 1) if each.verdict == "worse"), None)
        full = said[SETTINGS.concept_days - 1]
        found[str(points)] = {"first": first, "episodes": full.episodes, "detectable": full.detectable}
    return found


PARTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "null": partial(null, opponent="v1"),
    "drops": partial(drops, opponent="v1"),
    "null-ranking": partial(null, opponent=RANKING),
    "drops-ranking": partial(drops, opponent=RANKING),
}


def report(paths: list[Path]) -> None:
    """Print the tables."""
    found = by_part(paths)
    console = Console(width=150)
    for kind, show in (("null", _null_table), ("drops", _drops_table)):
        console.print(show({name: results for name, results in found.items() if name.startswith(kind)}))


def _null_table(by_part: dict[str, list[dict[str, Any]]]) -> Table:
    columns = ("", "markets", "onsets a year", "95 % interval", "most", "days known", "could be found, median")
    table = _table(f"Nothing planted, {YEAR} days", *columns)
    for name, found in by_part.items():
        numbers = np.array([len(each["onsets"]) for each in found])
        half = norm.ppf(0.975) * numbers.std(ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
        ends = f"{max(numbers.mean() - half, 0):.2f} to {numbers.mean() + half:.2f}"
        known, power = (np.median([each[key] for each in found]) for key in ("known", "detectable"))
        cells = (f"{numbers.mean():.2f}", ends, str(numbers.max()), f"{known:.0f}", f"{100 * power:.0f} points")
        table.add_row(name, str(len(found)), *cells)
    return table


def _drops_table(by_part: dict[str, list[dict[str, Any]]]) -> Table:
    columns = ("", "markets", *(f"<= {days} d" for days in WITHIN), "episodes of 28 days", "could be found, median")
    table = _table("Recall drops: share found (95 % interval)", *columns)
    for name, found in by_part.items():
        for points in DROPS:
            if not (rows := [each[str(points)] for each in found if str(points) in each]):
                continue
            firsts = [each["first"] for each in rows if each["first"] is not None]
            shares = [_share(sum(first <= days for first in firsts), len(rows)) for days in WITHIN]
            episodes, power = (np.nanmedian([each[key] for each in rows]) for key in ("episodes", "detectable"))
            cells = (*shares, f"{episodes:.0f}", f"{100 * power:.0f} points")
            table.add_row(f"{points} points, {name}", str(len(rows)), *cells)
    return table


def _share(count: int, number: int) -> str:
    interval = binomtest(count, number).proportion_ci(0.95, method="exact")
    return f"{100 * count / number:.0f} ({100 * interval.low:.0f}-{100 * interval.high:.0f})"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name)
    return table


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "run":
        run(PARTS, Path(given[0]), int(given[1]), int(given[2]), given[3:] or list(PARTS))
    else:
        report([Path(each) for each in given])
