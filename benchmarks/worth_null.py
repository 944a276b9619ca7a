"""How often the verdict on a version's worth is wrong, and how often it sees what is there, on simulated markets.

    python benchmarks/worth_null.py [markets] [weeks] [instruments]

In all of them volatility clusters, and one event hits many instruments at once. Kinds of market:

- `nothing to foresee`: crashes come in clusters of their own, which no score can know. The model and the rankings have
  no skill, but flag in different ways: some evenly, some all instruments at once.
- `all follow volatility`: so do the crashes, and the model and all rankings follow it equally well: none is ahead.
- `foreseen by …`: as the first, but before half of the events the model's score is raised, by standard deviations.

Each market is looked at at the end of every week, as by the product. Counted are the markets in which a verdict is
reached at the end, and at any look; with the 95 % intervals of Clopper and Pearson.
"""

import sys

from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from mlreg_dagster_tests.outcomes.worth.null_markets import VERDICTS, Kind, shares, simulated


def _shown(count: int, markets: int) -> str:
    interval = binomtest(count, markets).proportion_ci(0.95, method="exact")
    return f"{count / markets:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def main(markets: int = 200, weeks: int = 27, instruments: int = 20) -> None:
    kinds = [
        (Kind("nothing to foresee"), markets, weeks),
        (Kind("all follow volatility", follows=True), markets, weeks),
        *((Kind(f"foreseen by {strength:g} sd", strength=strength), markets // 4, weeks) for strength in (1, 2, 3)),
        (Kind("foreseen by 1 sd", strength=1.0), markets // 4, 2 * weeks),
        (Kind("foreseen by 2 sd", strength=2.0), markets // 4, weeks // 2 + 1),
    ]
    table = Table(title=f"Verdicts on {instruments} instruments, looked at every week: share of the markets")
    columns = [f"{verdict}, {when}" for verdict in VERDICTS for when in ("end", "ever")]
    for name in ("market", "weeks", "markets", *columns):
        table.add_column(name)
    for kind, number, length in kinds:
        at_end, ever = shares(simulated(kind, number, length, instruments))
        cells = [_shown(each[verdict], number) for verdict in VERDICTS for each in (at_end, ever)]
        table.add_row(kind.name, str(length - 1), str(number), *cells)
        print(kind.name, length - 1, number, *cells, sep=" | ", flush=True)
    Console(width=200).print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
