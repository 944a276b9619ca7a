"""Which promotion policy should be the default: policies side by side, over many simulated markets.

    python benchmarks/promotion.py [markets] [days] [processes]

Each market is another seed of the simulated source, once as it is and once with drift planted into its middle. It is
replayed as users replay it, retrained weekly; four policies choose among the same versions:

- `never retrain`: the first version whose gates passed stays.
- `always retrain` (`automatic: passed`): each version whose gates passed becomes champion.
- `better at planted anomalies` (`automatic: better`): one that is told apart as better on the holdout does.
- `by outcomes`: one whose matured outcomes are told apart as better does.

Printed is the paired difference of each policy to `better at planted anomalies`, and of each to every simple ranking,
on the same rows at the same flag budget: pooled over the markets, with intervals from resampled markets, which are
independent of one another. What is counted of a market is kept in promotion_counts.csv in the current folder; a second
start goes on from there.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.resources import ReplayClock
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.blocks import difference_of_ratios, interval
from mlreg_dagster.outcomes.worth.counts import COLUMNS, counts_by_day
from mlreg_dagster.outcomes.worth.difference import MEASURES
from mlreg_dagster.replay.comparison import by_policy
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.policies import PLANTED, REPLAY_POLICIES
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.homes import prepare_home

FIRST = pd.Timestamp("2026-01-15", tz="UTC")
INSTRUMENTS = 60
KINDS = {
    "as it is": [],
    "volatility x 2 in its middle": [{"kind": "volatility", "factor": 2.0}],
}
SHOWN = {CHAMPION: "by outcomes"}
KEPT = Path("promotion_counts.csv")


def main(markets: int = 20, days: int = 63, processes: int = 2) -> None:
    """Replay the markets that are not kept yet, then print the tables."""
    kept = pd.read_csv(KEPT) if KEPT.exists() else pd.DataFrame(columns=["kind", "seed"])
    known = set(zip(kept["kind"], kept["seed"], strict=True))
    asked = [(kind, seed, days) for seed in range(1, markets + 1) for kind in KINDS if (kind, seed) not in known]
    with ProcessPoolExecutor(processes, max_tasks_per_child=1) as pool:
        for kind, seed, counts in pool.map(_counts_of, asked):
            counts.to_csv(KEPT, mode="a", header=not KEPT.exists(), index=False)
            print(kind, seed, file=sys.stderr, flush=True)
    print_tables(pd.read_csv(KEPT))


def _counts_of(asked: tuple[str, int, int]) -> tuple[str, int, pd.DataFrame]:
    """Replay one market; returns the counts of each policy against each opponent."""
    kind, seed, days = asked
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        runner = make_runner(kind, seed, days, Path(folder))
        end = FIRST + pd.Timedelta(days=days)
        plan = Replay(FIRST, end, 7, ("model",), runner.settings.promotion, "outcomes", compares=True)
        run_replay(runner, plan, lambda *_: None)
        return kind, seed, pd.DataFrame(_contests(runner, plan)).assign(kind=kind, seed=seed)


def make_runner(kind: str, seed: int, days: int, folder: Path) -> Runner:
    """The project's own settings on a market of its own, without reasons, which no policy reads."""
    configs = folder / "configs"
    configs.mkdir()
    middle = FIRST + pd.Timedelta(days=days // 2)
    drifts = [{**drift, "starts": f"{middle:%Y-%m-%dT%H:%M:%SZ}", "days": days} for drift in KINDS[kind]]
    simulated = {"seed": seed, **({"drifts": drifts} if drifts else {})}
    ingest = {"universe": INSTRUMENTS, "end": f"{FIRST + pd.Timedelta(days=days + 2):%Y-%m-%dT%H:%M:%SZ}"}
    for name, values in {"ingest": {**ingest, "simulated": simulated}, "outcomes": {"reasons": {"pairs": 0}}}.items():
        (configs / f"{name}.yaml").write_text(yaml.safe_dump(values))
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.update(prepare_home(folder / "home"))
    return Runner(settings=load_settings(configs), home=folder / "home", resources={"clock": ReplayClock()})


def _contests(runner: Runner, plan: Replay) -> Iterator[dict[str, object]]:
    settings, tables = runner.settings.outcomes, runner.warehouse
    until = plan.end - settings.horizon_hours * HOUR
    decided = tables.read(REPLAY_POLICIES, plan.first, plan.end)
    rows = by_policy(tables.read(PREDICTION_OUTCOMES, plan.first, plan.end), decided)
    policies = [CHAMPION, *sorted(decided["policy"].unique())]
    rankings = sorted(rows.loc[rows["role"] == RANKING, "model_version"].unique())
    planted = next(policy for policy in policies if policy.startswith(PLANTED))
    for policy in policies:
        for opponent in [*([planted] if policy != planted else []), *rankings]:
            counts = counts_by_day(rows, policy, opponent, settings.worth.budget, plan.first, until)
            versions = decided.loc[decided["policy"] == policy, "model_version"].nunique()
            yield {"policy": policy, "opponent": opponent, "versions": versions, **counts[list(COLUMNS)].sum()}


def print_tables(counts: pd.DataFrame) -> None:
    """For each kind of market: each policy against the default, then against the rankings."""
    console = Console(width=150)
    for kind, rows in counts.groupby("kind", sort=False):
        table = Table(
            "policy",
            "opponent",
            "markets",
            "versions",
            "flagged",
            *MEASURES,
            title=f"A market {kind}: difference in points",
        )
        for (policy, opponent), each in rows.groupby(["policy", "opponent"], sort=False):
            cells = [_difference(each, measure) for measure in MEASURES]
            flagged = f"{each['flagged'].sum() / each['pairs'].sum():.1%}"
            name = SHOWN.get(str(policy), str(policy))
            table.add_row(name, str(opponent), str(len(each)), f"{each['versions'].mean():.1f}", flagged, *cells)
        console.print(table)


def _difference(counts: pd.DataFrame, measure: str) -> str:
    blocks = counts[list(MEASURES[measure])].to_numpy(dtype=float)
    part, whole, other, other_whole = blocks.sum(axis=0)
    low, high = interval(blocks, difference_of_ratios, 0.95, 2000)
    return f"{100 * (part / whole - other / other_whole):+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
