"""Whether reasons name what was planted, and what they cost beside the scores that they explain.

    python benchmarks/reasons.py [instruments] [rounds]
    python benchmarks/reasons.py hourly [instruments] [hours]

Trains every detector of the package on eight days of a simulated market (default: 250 instruments), plants anomalies
into its last day (default: 5 rounds of each kind), and explains those that are flagged. A reason is right where its
family is among those in which the kind shows: the table of them is `SHOWS_IN`. Rows that were flagged before anything
was planted have other reasons as well, so the rows that the planting flagged are counted apart. Then it explains the
flagged rows of single hours, in turns with scoring all rows of the same hours. Medians.

`hourly` takes turns between the hourly job and the same without reasons, hour by hour, under a champion of each
detector (default: 250 instruments, 9 hours), and then between a week in one range. Whether the champion passed its
gates does not matter here. Seconds of the processor stand beside those of the clock, which depend on what else the
machine does.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from replay import QUIET, START, make_runner
from rich.console import Console
from rich.table import Table

from mlreg_dagster import jobs
from mlreg_dagster.config import DatasetSettings, IngestSettings, InjectionSettings, Settings, load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.core.names import HOURLY_ASSETS
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.rounds import PlantedRound, plant_anomalies
from mlreg_dagster.outcomes.reasons.explaining import explain
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing.world import DAY_ENDS, FEATURES, LOOKBACK, World, build_world

OPENS = as_hour("2019-12-20")
TIMED_HOURS = 12
KEY = ["hour", "instrument_id"]
PRICES = {"change_1h", "change_24h", "change_7d", "all_time_high", "volatility", "past_change_1h", "past_change_24h"}
VOLUMES = {"volume"}
SHOWS_IN = {
    "shock": PRICES,
    "swap": PRICES | VOLUMES,
    "volume_burst": VOLUMES,
    "frozen_price": {"change_1h", "past_change_1h", "volatility"},
}
"""The families in which each kind of planted anomaly shows, by what it edits."""


def main() -> None:
    """Print the tables that are asked for."""
    if sys.argv[1:2] == ["hourly"]:
        instruments, hours = (int(word) for word in (sys.argv[2:] + ["250", "9"][len(sys.argv) - 2 :])[:2])
        hourly(instruments, hours)
        return
    instruments, rounds = (int(word) for word in (sys.argv[1:] + ["250", "5"][len(sys.argv) - 1 :])[:2])
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        world = market_world(Path(folder), instruments)
        planted = plant_anomalies(world.holdout, InjectionSettings(rounds=rounds), FEATURES, LOOKBACK)
        shares = ("top family", "of those flagged by the planting", "among the named")
        naming = Table("detector", "kind", "flagged", *shares, title="Reasons that are right")
        names = ("detector", "rows", "flagged", "scores, ms", "reasons, ms", "reasons cost")
        costs = Table(*names, title="An hour", caption="Of a whole hourly run, see benchmarks/hourly.py.")
        for name, model in models(world, settings).items():
            for kind in SHOWS_IN:
                naming.add_row(name, kind, *named(model, world, planted, kind, settings))
            costs.add_row(name, *cost(model, world, settings))
    for table in (naming, costs):
        Console().print(table)


def market_world(folder: Path, instruments: int) -> World:
    """The datasets of a simulated market, as they are frozen by default."""
    ingest = IngestSettings(start=OPENS, universe=instruments, simulated={"opens": OPENS})
    source = make_source(ingest, LandingZone(folder / "raw"))
    return build_world(
        folder / "artifacts", source.snapshots(hour_range(OPENS, DAY_ENDS - HOUR), DAY_ENDS), DatasetSettings()
    )


def models(world: World, settings: Settings) -> dict[str, Model]:
    """One of each detector of the package, as its model file has it."""
    chosen = {
        "isolation_forest": settings.model("model"),
        "local_outlier_factor": settings.model("model_lof"),
        "robust_z_score": settings.model("model").override({"detector": "robust_z_score", "params": {}}),
    }
    return {name: world.train(each) for name, each in chosen.items()}


def named(model: Model, world: World, rounds: list[PlantedRound], kind: str, settings: Settings) -> tuple[str, ...]:
    """Of the flagged rows of a kind: how many, and the shares whose first or any reason is right."""
    usual = world.holdout.rows
    before = usual.loc[model.score(model.select(usual)) > model.threshold, KEY].assign(before=True)
    rows = pd.concat([each.rows[each.planted] for each in rounds if each.kind == kind], ignore_index=True)
    flagged = rows[model.score(model.select(rows)) > model.threshold]
    flagged = flagged.drop_duplicates(KEY)  # the same row of two rounds
    reasons = explain(model, flagged, settings.outcomes.reasons)
    reasons["right"] = reasons["family"].isin(SHOWS_IN[kind])
    first = reasons[reasons["rank"] == 1].merge(before, on=KEY, how="left")
    shares = (first["right"], first.loc[first["before"].isna(), "right"], reasons.groupby(KEY)["right"].any())
    return f"{len(flagged)} of {len(rows)}", *(f"{share.mean():.1%} of {len(share)}" for share in shares)


def cost(model: Model, world: World, settings: Settings) -> tuple[str, ...]:
    """Of an hour: its rows, the flagged ones, what scores and reasons take, and their ratio."""
    seconds: dict[str, list[float]] = {"scores": [], "reasons": []}
    rows, flagged = [], []
    for hour in world.holdout.window.hours[: TIMED_HOURS + 1]:
        features = world.holdout.rows[world.holdout.rows["hour"] == hour]
        begun = time.perf_counter()
        is_flagged = model.score(model.select(features)) > model.threshold
        seconds["scores"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        explain(model, features[is_flagged], settings.outcomes.reasons)
        seconds["reasons"].append(time.perf_counter() - begun)
        rows.append(len(features))
        flagged.append(int(is_flagged.sum()))
    scores, reasons = (1e3 * statistics.median(spent[1:]) for spent in seconds.values())  # the first one compiles
    return (
        f"{np.mean(rows):.0f}",
        f"{np.mean(flagged):.0f}",
        f"{scores:.1f}",
        f"{reasons:.1f}",
        f"{reasons / scores:.1f}x",
    )


def hourly(instruments: int, hours: int) -> None:
    """What reasons add to whole runs."""
    names = ("champion", "run", "without, s", "with, s", "more", "processor: without, s", "with, s", "more")
    table = Table(*names, title=f"{instruments} instruments")
    for model in ("model", "model_lof"):
        with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
            anyone = {"min_average_precision_margin": -1.0}
            runner = make_runner(Path(folder), 20, instruments, evaluation=anyone)
            plan = Replay(START, START + pd.Timedelta(days=10), 9, (model,), runner.settings.promotion)
            run_replay(runner, plan, lambda step, _: print(step, file=sys.stderr))
            detector = runner.registry.version("v1").detector
            keys = [{"partition_key": hour_key(plan.end + number * HOUR)} for number in range(hours + 1)]
            table.add_row(detector, "an hour", *turns(runner, HOURLY_ASSETS, keys))
            week = hour_range(plan.end + 24 * HOUR, plan.end + (24 + 7 * 24 - 1) * HOUR)
            runner.run_hours(jobs.MARKET, week)
            table.add_row(detector, "a week's scoring", *turns(runner, HOURLY_ASSETS[2:], [range_of(week)] * 3))
    Console().print(table)


def range_of(hours: pd.DatetimeIndex) -> dict[str, Any]:
    first, last = (hour_key(hour) for hour in (hours[0], hours[-1]))
    return {"tags": {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}}


def turns(runner: Runner, assets: Sequence[str], runs: Sequence[dict[str, Any]]) -> list[str]:
    """Seconds of runs without and with reasons, and how many more; of the clock, then of the processor."""
    graph = runner.definitions.resolve_asset_graph()
    whole = runner.definitions.resolve_implicit_global_asset_job_def()
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for run in runs:
        for reasoned, spent in found.items():
            chosen = dg.AssetSelection.assets(*(each for each in assets if reasoned or each != "prediction_reasons"))
            job = whole.get_subset(
                asset_selection=chosen.resolve(graph), asset_check_selection=chosen.resolve_checks(graph)
            )
            begun = time.perf_counter(), time.process_time()
            job.execute_in_process(instance=runner.instance, run_config=QUIET, **run)
            spent.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    shown = []
    for clock in range(2):
        without, with_ = (statistics.median(each[clock] for each in found[key][1:]) for key in (False, True))
        shown += [f"{without:.2f}", f"{with_:.2f}", f"{with_ / without - 1:+.0%}"]
    return shown


if __name__ == "__main__":
    main()
