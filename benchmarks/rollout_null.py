"""How often a rollout calls a candidate worse that is not, looked at every day for 28 days, and how soon one that is.

    python benchmarks/rollout_null.py [--runs 2000] [--power-runs 300]

Markets of 100 instruments: crashes come in bursts on bad days, a label covers the next 24 hours (so that those of
neighbouring hours overlap), flags last for six hours, days shift what a version flags, and instruments do: one version
sees more in some of them, the other in others. Both versions are drawn alike, so that no difference is true; for power
the candidate misses more crashes, or fewer. The test that is compared with takes an interval over instruments, once as
good as a single look, and looks at it every day.

An A/B test takes the same looks, and ends at the first "worse" or after the 28 days; what it reports is the interval
at its end. Counted is how often it stops early, how often it calls a difference, and how often the interval misses the
true one, which is measured on markets of its own.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from mlreg_dagster.governance.rollout.ab import Finding, finding, last_look
from mlreg_dagster.governance.rollout.labels import BLOCK_HOURS, Comparison, Rows, Weights, over_time

INSTRUMENTS, DAYS, FLAG_HOURS = 100, 28, 6
HOURS = DAYS * 24
EVENTS_A_DAY, BAD_DAYS, BURST = 0.01, 0.08, 8.0
RECALL, FALSE_ALARMS = 0.35, 0.05
DAY_SPREAD, INSTRUMENT_SPREAD = 1.0, 0.4
MARGIN, ALPHA = 0.1, 0.05
DROPS = (0.05, 0.1, 0.2, 0.3)
GAINS = (-0.2, -0.3)


@dataclass(frozen=True)
class Panel:
    """hours x instruments: whether a crash follows, and whether each version flagged it."""

    crashes: NDArray[np.bool_]
    candidate: NDArray[np.bool_]
    champion: NDArray[np.bool_]


def panel(
    rng: np.random.Generator, *, shocks: bool, effects: bool, missed: float = 0.0, since: int = 0, length: int = DAYS
) -> Panel:
    """One market.

    Args:
        rng: Draws it.
        shocks: Whether crashes and flags have days in common.
        effects: Whether each version leans to instruments of its own.
        missed: By how much the candidate's recall is lower.
        since: From which day on it is.
        length: In days.
    """
    hours = length * 24
    days = np.arange(hours + 24) // 24
    bad = rng.random(days[-1] + 1) < (BAD_DAYS if shocks else 0)
    rate = EVENTS_A_DAY / 24 * np.where(bad, BURST, 1.0)[days]
    events = rng.random((hours + 24, INSTRUMENTS)) < rate[:, None]
    total = np.concatenate([np.zeros((1, INSTRUMENTS), dtype=int), events.cumsum(axis=0)])
    crashes = total[25 : 25 + hours] > total[1 : 1 + hours]
    half = rng.normal(0, INSTRUMENT_SPREAD if effects else 0, INSTRUMENTS // 2)
    lean = np.concatenate([half, -half])  # each version leans to one half of each pair, so that neither is ahead

    def flags(side: int, recall: float | NDArray[np.float64]) -> NDArray[np.bool_]:
        shift = rng.normal(0, DAY_SPREAD if shocks else 0, length).repeat(24)[:, None] + side * lean
        chance = np.where(crashes, recall, FALSE_ALARMS)
        odds = chance / (1 - chance) * np.exp(shift)
        draws = rng.random((hours // FLAG_HOURS, INSTRUMENTS)).repeat(FLAG_HOURS, axis=0)
        return draws < odds / (1 + odds)

    changing = RECALL - missed * (np.arange(hours) >= since * 24)[:, None]
    return Panel(crashes, flags(1, changing), flags(-1, RECALL))


def blocks(market: Panel) -> list[Comparison]:
    """What is known at the end of each block."""
    weights = Weights.of(max(float(market.crashes.mean()), 1e-4))
    hours = np.arange(HOURS).repeat(INSTRUMENTS)
    rows = Rows(hours, *(each.ravel() for each in (market.crashes, market.candidate, market.champion)))
    return over_time(rows, opened=0, until=HOURS, weights=weights, margin=MARGIN, alpha=ALPHA)


def looks(found: Sequence[Comparison]) -> list[str]:
    """The verdict at the end of each day."""
    whole = [(day * 24) // BLOCK_HOURS for day in range(1, DAYS + 1)]
    return [found[number - 1].verdict if number else "undecided" for number in whole]


def old_looks(market: Panel) -> list[str]:
    """By an interval over instruments, as for a single look, from the seventh day on."""
    base = max(float(market.crashes.mean()), 1e-4)
    weights = Weights.of(base)
    cost = np.where(market.crashes, -weights.missed, weights.false_alarm)
    gained = cost * (market.candidate.astype(int) - market.champion.astype(int))
    found = []
    for day in range(7, DAYS + 1):
        means = gained[: day * 24].mean(axis=0)
        z = means.mean() / (means.std(ddof=1) / np.sqrt(INSTRUMENTS))
        found.append("worse" if z > 1.96 else "better" if z < -1.96 else "undecided")
    return found


def share(count: int, runs: int) -> str:
    """A share in per cent with Clopper and Pearson's interval."""
    interval = binomtest(count, runs).proportion_ci(method="exact")
    return f"{100 * count / runs:.1f} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def nulls(runs: int) -> Table:
    """False alarms where no difference is true."""
    table = Table(title=f"No difference is true, {runs} markets, looked at daily for {DAYS} days: % that ever alarm")
    for name in ("market", "rollout: worse", "instruments: worse", "instruments: different"):
        table.add_column(name)
    kinds = {
        "rows alike": (False, False),
        "instrument effects": (False, True),
        "common shocks": (True, False),
        "both": (True, True),
    }
    for number, (name, (shocks, effects)) in enumerate(kinds.items()):
        worse = old_worse = old_any = 0
        for run in range(runs):
            market = panel(np.random.default_rng([17, number, run]), shocks=shocks, effects=effects)
            worse += "worse" in looks(blocks(market))
            old = old_looks(market)
            old_worse += "worse" in old
            old_any += set(old) != {"undecided"}
        table.add_row(name, share(worse, runs), share(old_worse, runs), share(old_any, runs))
    return table


def power(runs: int) -> Table:
    """How soon a candidate that misses more is found."""
    table = Table(title=f"The candidate misses more crashes, {runs} markets, shocks and effects")
    for name in ("recall lower by", "called worse within 28 days, %", "median day of the alarm", "not worse, %"):
        table.add_column(name)
    for drop in (0.0, *DROPS):
        found = [
            looks(blocks(panel(np.random.default_rng([18, run]), shocks=True, effects=True, missed=drop)))
            for run in range(runs)
        ]
        days = [each.index("worse") + 1 for each in found if "worse" in each]
        table.add_row(
            f"{100 * drop:.0f} points",
            share(len(days), runs),
            f"{np.median(days):.0f}" if days else "-",
            share(sum(each[-1] == "not_worse" for each in found), runs),
        )
    return table


@dataclass(frozen=True)
class Ended:
    """How one A/B test ended."""

    day: int
    finding: Finding
    difference: float
    low: float
    high: float


def ab_test(market: Panel) -> Ended:
    """Run one, with its stopping rule."""
    last = last_look(blocks(market))
    assert last is not None
    assert last.until is not None
    assert last.difference is not None
    assert last.low is not None
    assert last.high is not None
    return Ended(last.until // 24, finding(last, MARGIN), last.difference, last.low, last.high)


def true_difference(missed: float, runs: int = 100) -> float:
    """The mean loss of the candidate minus that of the champion, over markets that no test sees."""
    total = 0.0
    for run in range(runs):
        market = panel(np.random.default_rng([20, run]), shocks=True, effects=True, missed=missed)
        known = blocks(market)[-1].difference
        assert known is not None
        total += known
    return total / runs


def ab_tests(runs: int, power_runs: int) -> Table:
    """How A/B tests end."""
    table = Table(
        title=f"A/B tests of {DAYS} days, looked at daily, {runs} without a difference, {power_runs} with one"
    )
    for name in ("candidate", "stopped early, %", "median day", "worse, %", "better, %", "interval misses truth, %"):
        table.add_column(name)
    for missed in (0.0, *DROPS, *GAINS):
        number, seed = (runs, 17) if missed == 0 else (power_runs, 19)
        truth = true_difference(missed) if missed else 0.0
        ended = [
            ab_test(panel(np.random.default_rng([seed, 3, run]), shocks=True, effects=True, missed=missed))
            for run in range(number)
        ]
        early = [each.day for each in ended if each.day < DAYS]
        table.add_row(
            f"recall {-100 * missed:+.0f} points" if missed else "no difference",
            share(len(early), number),
            f"{np.median(early):.0f}" if early else "-",
            share(sum(each.finding == "worse" for each in ended), number),
            share(sum(each.finding == "better" for each in ended), number),
            share(sum(not each.low <= truth <= each.high for each in ended), number),
        )
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--power-runs", type=int, default=300)
    given = parser.parse_args()
    console = Console(width=140)
    console.print(nulls(given.runs))
    console.print(power(given.power_runs))
    console.print(ab_tests(given.runs, given.power_runs))


if __name__ == "__main__":
    main()
