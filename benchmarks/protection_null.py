"""How often a champion is given up for the version before it although both are as good, looked at every day.

    python benchmarks/protection_null.py [--runs 300] [--power-runs 100]

Markets of `rollout_null.py` with shocks and effects, of 26 weeks, both versions score all hours. The rollback that
protects was held against the interval of the contest, which resamples weeks and is right for one look; now it is held
against the confidence sequence. Both are asked each day from the sixth week on, that is, from when the former may
conclude anything; what a confirmed drift asks for before is left out, so that shares are upper bounds. For power the
champion misses more crashes from the tenth week on.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rollout_null import ALPHA, INSTRUMENTS, Panel, panel, share

from mlreg_dagster.governance.rollout.labels import BLOCK_HOURS, BURN_IN, Weights, over_time
from mlreg_dagster.outcomes.worth.blocks import Measure, blocks_of, difference_of_ratios, interval, ratio

DAYS, FIRST_DAY, WORSE_FROM, RESAMPLES = 182, 42, 63, 1000
DROPS = (0.1, 0.2, 0.3)
Asked = Callable[[Panel], int | None]


def by_contest(market: Panel) -> int | None:
    """The first day on which the contest calls the former champion better; None: it never does."""
    crash, own, other = (each.astype(float) for each in (market.crashes, market.champion, market.candidate))
    hits, other_hits = own * crash, other * crash
    more_hits, more_alarms = hits - other_hits, (own - hits) - (other - other_hits)
    daily = {
        name: np.stack([each.reshape(DAYS, -1).sum(axis=1) for each in marks], axis=1)
        for name, marks in {
            "informedness": (more_hits, crash, more_alarms, 1 - crash),
            "recall": (more_hits, crash),
            "precision": (hits, own, other_hits, other),
        }.items()
    }

    def ends(name: str, measure: Measure, day: int) -> tuple[float, float]:
        # day 4 since 1970 was a Monday: the market begins with a week
        blocks, _ = blocks_of(daily[name][:day], np.arange(4, 4 + day))
        return interval(blocks, measure, 1 - ALPHA, RESAMPLES)

    for day in range(FIRST_DAY, DAYS + 1):
        if ends("informedness", difference_of_ratios, day)[0] > 0:
            objections = (ends("recall", ratio, day)[1], ends("precision", difference_of_ratios, day)[1])
            if not any(high < 0 for high in objections):
                return day
    return None


def by_sequence(market: Panel) -> int | None:
    """The first day on which the sequence calls the champion worse; None: it never does."""
    hours: NDArray[np.int64] = np.arange(DAYS * 24).repeat(INSTRUMENTS)
    weights = Weights.of(float(market.crashes[: BURN_IN * BLOCK_HOURS].mean()))
    flat = [each.ravel() for each in (market.crashes, market.candidate, market.champion)]
    found = over_time(hours, *flat, opened=0, until=DAYS * 24, weights=weights, margin=0.0, alpha=ALPHA)
    days = [each.until // 24 for each in found if each.verdict == "worse" and each.until is not None]
    return next((day for day in days if day >= FIRST_DAY), None)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--power-runs", type=int, default=100)
    given = parser.parse_args()
    ways: dict[str, Asked] = {"interval of the contest": by_contest, "confidence sequence": by_sequence}
    table = Table(title=f"The champion, looked at daily until day {DAYS}: % given up, median day")
    for name in ("the champion", "markets", *(f"{way}{what}" for way in ways for what in (", %", ", day"))):
        table.add_column(name)
    for missed in (0.0, *DROPS):
        runs = given.power_runs if missed else given.runs
        found: dict[str, list[int | None]] = {way: [] for way in ways}
        for run in range(runs):
            rng = np.random.default_rng([21, round(100 * missed), run])
            market = panel(rng, shocks=True, effects=True, missed=missed, since=WORSE_FROM, length=DAYS)
            for way, asked in ways.items():
                found[way].append(asked(market))
        cells = []
        for way in ways:
            days = [day for day in found[way] if day is not None]
            cells += [share(len(days), runs), f"{np.median(days):.0f}" if days else "-"]
        name = f"recall {100 * missed:.0f} points lower from day {WORSE_FROM}" if missed else "as good"
        table.add_row(name, str(runs), *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
