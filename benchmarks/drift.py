"""How often drift is seen where there is none, and how soon where there is, on the package's own simulated market.

    python benchmarks/drift.py run RESULTS.jsonl FIRST LAST [null] [changes] [quality] [naive] [cost]
    python benchmarks/drift.py report RESULTS.jsonl [RESULTS.jsonl …]

`run` works on the markets with the seeds FIRST to LAST - 1, 100 instruments each, and adds a line for each to the file,
so that a long run can be cut into parts; a seed that is there is not run again. `report` prints the tables.

- `null`: 365 days after 120 quiet ones; nothing is planted. Every training that is asked for ends in a promotion.
- `changes`: each change of `panels.CHANGES` begins on the first of 46 days.
- `quality`: 10 % of the instruments null or frozen, rhythm without clustering.
- `naive`: row-level KS and PSI against the training week, for 60 days; every second hour of the market.
- `cost`: CPU and storage of a year of 250 instruments.

The limits are those of drift.yaml. They were chosen on seeds from 1000 on; report others.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest, ks_2samp, norm
from seeded_results import by_part, run

from mlreg_dagster.config import load_settings
from mlreg_dagster.market.day_quality import quality_of_days
from mlreg_dagster.market.features.features import lookbacks_of
from mlreg_dagster.monitoring.drift.families.feature import limits_of, stand_of
from mlreg_dagster.monitoring.drift.families.quality import quality_rows, worst_of
from mlreg_dagster.monitoring.drift.statistics.effects import effects
from mlreg_dagster.monitoring.sketches.bins import count
from mlreg_dagster.monitoring.sketches.counting import sketches_of
from mlreg_dagster.monitoring.sketches.days import hourly_sums
from mlreg_dagster_tests.monitoring.judged import course
from mlreg_dagster_tests.monitoring.panels import (
    CHANGES,
    FAMILIES,
    NAMES,
    QUALITY_CHANGES,
    SETTINGS,
    TRAINING,
    World,
    chunks,
    counted,
    training_bins,
)
from mlreg_dagster_tests.repository import PROJECT_DIR

LIMITS = limits_of(load_settings(PROJECT_DIR / "configs").drift.detection)
HISTORY, CHANGE_DAYS, NAIVE_DAYS = 120, 46, 60
WITHIN = (1, 3, 14, 45)
_EVERY_OTHER = 2


def null(seed: int) -> dict[str, Any]:
    """Episodes of a year without a change."""
    world = World(history=HISTORY)
    return vars(course(counted(world, seed).statistics, HISTORY, LIMITS))


def changes(seed: int) -> dict[str, Any]:
    """What was seen of each change, and when."""
    bins = training_bins(World(history=HISTORY, days=0), seed)
    before = counted(World(history=HISTORY, days=0), seed, bins=bins).statistics
    found = {}
    for name, planted in CHANGES.items():
        after = counted(World(history=HISTORY, days=CHANGE_DAYS), seed, planted, HISTORY, bins).statistics
        found[name] = vars(course(np.concatenate([before, after]), HISTORY, LIMITS))
    return found


def quality(seed: int) -> dict[str, Any]:
    """The quality of the first day of each change of the data; and a market with rhythm, but no clustering."""
    world, lookbacks = World(history=30, days=1), {name: lookbacks_of(SETTINGS)[name] for name in NAMES}
    found: dict[str, Any] = {}
    for name, planted in {"nothing": None, **QUALITY_CHANGES}.items():
        rows = pd.concat([frame for _, frame in chunks(world, seed, planted, first=20)], ignore_index=True)
        day = pd.DatetimeIndex([world.first_judged])
        measured = quality_of_days(rows, day, lookbacks, world.instruments)
        no, zero = pd.Series([False], index=day), pd.Series([0.0], index=day)
        found[name] = worst_of(quality_rows(measured, no, zero, no, no))
    still = {"fast_sd": 0.0, "slow_sd": 0.0, "own_sd": 0.0}
    rhythm = counted(World(history=HISTORY, days=180), seed, clustering=still).statistics
    found["rhythm"] = vars(course(rhythm, HISTORY, LIMITS))
    return found


def naive(seed: int) -> dict[str, Any]:
    """Days with an alarm of each row-level rule."""
    world = World(history=40, days=NAIVE_DAYS)
    rows = [frame[frame["hour"].dt.hour % _EVERY_OTHER == 0] for _, frame in chunks(world, seed, first=33)]
    frame = pd.concat(rows, ignore_index=True)
    day = frame["hour"].dt.floor("D")
    training = frame[day < world.first_judged][list(NAMES)]
    bins = training_bins(world, seed)
    alarms: dict[str, int] = dict.fromkeys(_NAIVE, 0)
    for _, part in frame[day >= world.first_judged].groupby(day):
        p = np.array([ks_2samp(training[name].dropna(), part[name].dropna(), method="asymp").pvalue for name in NAMES])
        psi = effects(bins.counts, count(part[list(NAMES)].to_numpy(), bins.edges)[0])[:, 1]
        for name, rule in _NAIVE.items():
            alarms[name] += bool(rule(p, psi))
    return {"days": NAIVE_DAYS, **alarms}


_NAIVE: dict[str, Callable[[Any, Any], Any]] = {
    "KS, p < 0.05, any feature": lambda p, _: (p < 0.05).any(),
    "KS, Bonferroni": lambda p, _: (p < 0.05 / len(p)).any(),
    "KS, p < 0.05, half of the features": lambda p, _: (p < 0.05).mean() >= 0.5,
    "PSI > 0.2, any feature": lambda _, psi: (psi > 0.2).any(),
    "PSI > 0.2, half of the features": lambda _, psi: (psi > 0.2).mean() >= 0.5,
}


def cost(seed: int) -> dict[str, Any]:
    """CPU seconds of a year of 250 instruments, and what its sketches take up."""
    world = World(instruments=250, history=TRAINING, days=365)
    bins, spent, parts = training_bins(world, seed), 0.0, []
    for _, frame in chunks(world, seed, first=TRAINING):
        began = time.process_time()
        parts.append(sketches_of(frame, bins, "reference"))
        spent += time.process_time() - began
    sketches = pd.concat(parts, ignore_index=True)
    began = time.process_time()
    days = pd.date_range(world.first_judged, periods=365, freq="D", unit="us")
    sums = hourly_sums(sketches, days, NAMES)
    stand_of(sums, np.zeros(365, dtype=bool), FAMILIES, LIMITS)
    judged = time.process_time() - began
    return {"counting_s": spent, "judging_s": judged, "bytes_of_text": int(sketches["counts"].str.len().sum())}


PARTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "null": null,
    "changes": changes,
    "quality": quality,
    "naive": naive,
    "cost": cost,
}


def report(paths: list[Path]) -> None:
    """Print the tables."""
    found = by_part(paths)
    console = Console(width=180)
    for part, show in _SHOWN.items():
        if part in found:
            console.print(show(found[part]))


def _null_table(found: list[dict[str, Any]]) -> Table:
    table = _table(f"Nothing planted, {len(found)} markets x 365 days", "", "episodes a year", "95 % interval", "most")
    for name, words in (("watched", "watch"), ("confirmed", "confirmed"), ("trained", "trainings asked for")):
        numbers = np.array([len(each[name]) for each in found])
        low, high = _interval(numbers)
        table.add_row(words, f"{numbers.mean():.2f}", f"{low:.2f} to {high:.2f}", str(numbers.max()))
    return table


def _interval(numbers: Any) -> tuple[float, float]:
    """Of the mean over markets; markets are independent, episodes of one are not."""
    half = norm.ppf(0.975) * numbers.std(ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
    return max(numbers.mean() - half, 0.0), numbers.mean() + half


def _changes_table(found: list[dict[str, Any]]) -> Table:
    columns = [f"{state} <= {days} d" for state in ("watch", "confirmed") for days in WITHIN]
    table = _table("Planted: share of the markets in which it is seen (95 % interval)", "", "markets", *columns)
    for name in CHANGES:
        if not (courses := [each[name] for each in found if name in each]):
            continue
        cells = [
            _share(sum(any(day <= days for day in each[state]) for each in courses), len(courses))
            for state in ("watched", "confirmed")
            for days in WITHIN
        ]
        table.add_row(name, str(len(courses)), *cells)
    return table


def _share(count: int, number: int) -> str:
    interval = binomtest(count, number).proportion_ci(0.95, method="exact")
    return f"{100 * count / number:.0f} ({100 * interval.low:.0f}-{100 * interval.high:.0f})"


def _quality_table(found: list[dict[str, Any]]) -> Table:
    table = _table(f"Data, {len(found)} markets", "", "bad or severe on the same day, %")
    for name in ("nothing", *QUALITY_CHANGES):
        table.add_row(name, _share(sum(each[name] != "ok" for each in found), len(found)))
    numbers = [np.mean([len(each["rhythm"][state]) for each in found]) for state in ("watched", "confirmed")]
    table.add_row("rhythm alone, 180 days", "watch {:.2f}, confirmed {:.2f} episodes".format(*numbers))
    return table


def _naive_table(found: list[dict[str, Any]]) -> Table:
    days = sum(each["days"] for each in found)
    table = _table(f"Rows against the training week, nothing planted, {days} days", "rule", "days with an alarm, %")
    for name in _NAIVE:
        table.add_row(name, f"{100 * sum(each[name] for each in found) / days:.1f}")
    return table


def _cost_table(found: list[dict[str, Any]]) -> Table:
    table = _table("A year of 250 instruments", "", "median")
    for name in found[0]:
        table.add_row(name, f"{np.median([each[name] for each in found]):,.1f}")
    return table


_SHOWN: dict[str, Callable[[list[dict[str, Any]]], Table]] = {
    "null": _null_table,
    "changes": _changes_table,
    "quality": _quality_table,
    "naive": _naive_table,
    "cost": _cost_table,
}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name)
    return table


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "run":
        run(PARTS, Path(given[0]), int(given[1]), int(given[2]), given[3:] or ["null", "changes"])
    else:
        report([Path(each) for each in given])
