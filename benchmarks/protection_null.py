"""How often a champion is given up for the version before it although both are as good, looked at every day.

    python benchmarks/protection_null.py [--runs 400] [--power-runs 80]

Markets of `rollout_null.py`, of 26 weeks; both versions score all hours. The rollback that
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

from mlreg_dagster.governance.rollout.labels import BLOCK_HOURS, BURN_IN, Rows, Weights, over_time
from mlreg_dagster.outcomes.worth.blocks import Measure, blocks_of, difference_of_ratios, interval, ratio

DAYS, FIRST_DAY, WORSE_FROM, RESAMPLES = 182, 42, 63, 1000
DROPS = (0.1, 0.2, 0.3)
Asked = Callable[[Panel], int | None]


def null(name: str, *, shocks: bool, effects: bool) -> Callable[[int], Panel]:
    """Markets without a difference, by their number."""
    seed = [21, 0] if shocks and effects else [22, len(name)]
    return lambda run: panel(np.random.default_rng([*seed, run]), shocks=shocks, effects=effects, length=DAYS)


def worse(missed: float) -> Callable[[int], Panel]:
    """Markets with shocks and effects in which the champion misses more from a day on."""
    return lambda run: panel(
        np.random.default_rng([21, round(100 * missed), run]),
        shocks=True, effects=True, missed=missed, since=WORSE_FROM, length=DAYS,
    )  # fmt: skip


KINDS = {
    "as good: rows alike": null("rows alike", shocks=False, effects=False),
    "as good: common shocks": null("common shocks", shocks=True, effects=False),
    "as good: both": null("both", shocks=True, effects=True),
    **{f"recall {100 * missed:.0f} points lower from day {WORSE_FROM}": worse(missed) for missed in DROPS},
}


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
    rows = Rows(hours, *(each.ravel() for each in (market.crashes, market.candidate, market.champion)))
    found = over_time(rows, opened=0, until=DAYS * 24, weights=weights, margin=0.0, alpha=ALPHA)
    days = [each.until // 24 for each in found if each.verdict == "worse" and each.until is not None]
    return next((day for day in days if day >= FIRST_DAY), None)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--power-runs", type=int, default=80)
    given = parser.parse_args()
    ways: dict[str, Asked] = {"interval of the contest": by_contest, "confidence sequence": by_sequence}
    table = Table(title=f"The champion, looked at daily until day {DAYS}: % given up, median day")
    for name in ("the champion", "markets", *(f"{way}{what}" for way in ways for what in (", %", ", day"))):
        table.add_column(name)
    for name, draw in KINDS.items():
        runs = given.power_runs if name.startswith("recall") else given.runs
        cells = []
        for asked in ways.values():
            days = [day for day in (asked(draw(run)) for run in range(runs)) if day is not None]
            cells += [share(len(days), runs), f"{np.median(days):.0f}" if days else "-"]
        table.add_row(name, str(runs), *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
