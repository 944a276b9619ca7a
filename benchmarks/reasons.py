"""Whether reasons name what was planted, and what they cost beside the scores that they explain.

    python benchmarks/reasons.py [instruments] [rounds]

Trains every detector of the package on eight days of a simulated market (default: 250 instruments), plants anomalies
into its last day (default: 5 rounds of each kind), and explains those that are flagged. A reason is right where its
family is among those in which the kind shows: the table of them is `SHOWS_IN`. Then it explains the flagged rows of
single hours, in turns with scoring all rows of the same hours. Medians.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import DatasetSettings, IngestSettings, InjectionSettings, Settings, load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.evaluation import PlantedRound, plant_anomalies
from mlreg_dagster.outcomes.reasons.explaining import explain
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing.world import DAY_ENDS, FEATURES, LOOKBACK, World, build_world

OPENS = as_hour("2019-12-20")
TIMED_HOURS = 12
PRICES = {"change_1h", "change_24h", "change_7d", "all_time_high", "volatility", "past_change_1h", "past_change_24h"}
VOLUMES = {"volume", "cap_to_volume"}
SHOWS_IN = {
    "shock": PRICES,
    "swap": PRICES | VOLUMES,
    "volume_burst": VOLUMES,
    "frozen_price": {"change_1h", "past_change_1h", "volatility"},
}
"""The families in which each kind of planted anomaly shows, by what it edits."""


def main() -> None:
    """Print both tables."""
    instruments, rounds = (int(word) for word in (sys.argv[1:] + ["250", "5"][len(sys.argv) - 1 :])[:2])
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        world = market_world(Path(folder), instruments)
        planted = plant_anomalies(world.holdout, InjectionSettings(rounds=rounds), FEATURES, LOOKBACK)
        naming = Table("detector", "kind", "flagged", "top family", "among the named", title="Reasons that are right")
        names = ("detector", "rows", "flagged", "scores, ms", "reasons, ms", "reasons cost")
        costs = Table(*names, title="An hour", caption="Of a whole hourly run, see benchmarks/hourly.py.")
        for name, model in models(world, settings).items():
            for kind in SHOWS_IN:
                naming.add_row(name, kind, *named(model, planted, kind, settings))
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


def named(model: Model, rounds: list[PlantedRound], kind: str, settings: Settings) -> tuple[str, str, str]:
    """Of the flagged rows of a kind: how many, and the shares whose first or any reason is right."""
    rows = pd.concat([each.rows[each.planted] for each in rounds if each.kind == kind], ignore_index=True)
    flagged = rows[model.score(model.select(rows)) > model.threshold]
    flagged = flagged.drop_duplicates(["hour", "instrument_id"])  # the same row of two rounds
    reasons = explain(model, flagged, settings.outcomes.reasons)
    right = reasons.assign(right=reasons["family"].isin(SHOWS_IN[kind]))
    key = ["hour", "instrument_id"]
    first, any_ = right[right["rank"] == 1]["right"], right.groupby(key)["right"].any()
    return f"{len(flagged)} of {len(rows)}", f"{first.mean():.0%}", f"{any_.mean():.0%}"


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


if __name__ == "__main__":
    main()
