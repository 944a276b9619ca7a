"""How often the default policy tells apart what differs by chance alone, and how often it sees a real difference.

    python benchmarks/gates_over_seeds.py run FILE [first market] [last market] [instruments]
    python benchmarks/gates_over_seeds.py print FILE…

On simulated markets, each with a seed of its own (default: 0 to 40, of 40 instruments), as `evaluated_model` does it:

- `other training seed`: two models of the same settings, trained on the same rows with other seeds. Neither is better;
  counted are the pairs that are called better or worse, by the rule of today and by that of earlier releases (five
  rounds of one planting seed, an interval over instruments alone).
- `other planting seeds`: one model, judged against the baseline with two sets of planting seeds. Counted is how often
  the margin passes with one set and fails with the other, and how often both are sure of it.
- `worse by noise …`: the same two models, but the scores of one get noise, in their standard deviations, so that it
  finds less. Counted are the pairs in which it is called worse; the mean loss of average precision stands beside it.

A run can be cut into parts and go on: results are lines of the file. Shares with the 95 % intervals of Clopper and
Pearson, over pairs; pairs of one market share its rows.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seeded_results
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from mlreg_dagster.config import DatasetSettings, EvaluationSettings, IngestSettings, InjectionSettings, load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.models.evaluation.planted import precision_difference
from mlreg_dagster.models.evaluation.rounds import PlantedRound, found_by_kind, plant_anomalies, score_rounds
from mlreg_dagster.models.evaluation.statistics import Chance
from mlreg_dagster.models.training import fit_to, rows_to_fit
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing.world import DAY_ENDS, FEATURES, LOOKBACK, World, build_world

OPENS = as_hour("2019-12-20")
PAIRS = 3
APART = 100
"""Between the training seeds of two models, so that their refits differ, too."""
OTHER_SEEDS = 120
NOISE = (0.5, 1.0, 1.5, 2.0)
TOLD = ("better", "worse")
Scores = list[NDArray[np.float64]]


def market_of(seed: int, folder: Path, instruments: int) -> World:
    """Datasets of a simulated market, as they are frozen by default."""
    ingest = IngestSettings(start=OPENS, universe=instruments, simulated={"opens": OPENS, "seed": seed})
    source = make_source(ingest, LandingZone(folder / "raw"))
    market = source.snapshots(hour_range(OPENS, DAY_ENDS - HOUR), DAY_ENDS)
    return build_world(folder / "artifacts", market, DatasetSettings())


def judged(seed: int, instruments: int) -> dict[str, Any]:
    """The verdicts of one market."""
    asked = EvaluationSettings()
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        world = market_of(seed, Path(folder), instruments)
        plantings = {
            "today": asked.injection,
            "before": InjectionSettings(seeds=1, rounds=5),
            "other": asked.injection.model_copy(update={"seed": OTHER_SEEDS}),
        }
        rounds = {name: plant_anomalies(world.holdout, each, FEATURES, LOOKBACK) for name, each in plantings.items()}
        model = world.train(load_settings().model("model"))
        found: dict[str, Any] = {"pairs": [], "margins": []}
        for pair in range(PAIRS):
            sides = [fitted(world, model, rounds, 2 * pair + side, asked.comparison.refits) for side in (0, 1)]
            found["pairs"].append(compared(rounds, sides, asked))
            found["margins"].append(against_baseline(rounds, model, *sides[0], asked))
    return found


def fitted(
    world: World, model: Model, rounds: dict[str, list[PlantedRound]], number: int, refits: int
) -> tuple[dict[str, Scores], Chance]:
    """Scores of one model's rounds, and what chance in training does, from its refits."""
    settings = load_settings().model("model")
    every: list[dict[str, Scores]] = []
    for seed in range(APART * number, APART * number + 1 + refits):
        chosen = settings.model_copy(update={"seed": seed})
        pipeline = fit_to(make_pipeline(chosen), rows_to_fit(world.training, chosen), model.features, world.training)

        def score(rows: Any, pipeline: Any = pipeline) -> NDArray[np.float64]:
            return anomaly_scores(pipeline, rows.to_numpy(dtype=np.float64))

        every.append({name: score_rounds(model, score, each) for name, each in rounds.items()})
    precisions = [precision(rounds["today"], scores["today"]) for scores in every]
    return every[0], Chance(float(np.std(precisions, ddof=1)), refits)


def compared(
    rounds: dict[str, list[PlantedRound]], sides: Sequence[tuple[dict[str, Scores], Chance]], asked: EvaluationSettings
) -> dict[str, Any]:
    """The verdict on a pair by both rules, and on the same pair when one gets worse by noise."""
    (left, of_left), (right, of_right) = sides
    chances = [of_left, of_right]
    today = precision_difference(rounds["today"], left["today"], right["today"], asked.comparison, chances=chances)
    found: dict[str, Any] = {
        "today": today.verdict,
        "difference": today.difference,
        "width": None if today.low is None or today.high is None else today.high - today.low,
        "chance": of_left.standard_deviation,
        "before": precision_difference(rounds["before"], left["before"], right["before"], asked.comparison).verdict,
        "over seeds alone": precision_difference(
            rounds["today"], left["today"], right["today"], asked.comparison
        ).verdict,
    }
    rng = np.random.default_rng(0)
    for strength in NOISE:
        size = strength * np.std(np.concatenate(left["today"]))
        noisy = [scores + rng.normal(0.0, size, len(scores)) for scores in left["today"]]
        worse = precision_difference(rounds["today"], noisy, right["today"], asked.comparison, chances=chances)
        lost = precision(rounds["today"], left["today"]) - precision(rounds["today"], noisy)
        found[f"noise {strength:g}"] = {"verdict": worse.verdict, "lost": lost}
    return found


def against_baseline(
    rounds: dict[str, list[PlantedRound]],
    model: Model,
    scores: dict[str, Scores],
    chance: Chance,
    asked: EvaluationSettings,
) -> dict[str, Any]:
    """The margin over the baseline by two sets of planting seeds, each with its interval."""
    found = {}
    for name in ("today", "other"):
        baseline = score_rounds(model, model.baseline_score, rounds[name])
        each = precision_difference(rounds[name], scores[name], baseline, asked.comparison, chances=[chance])
        found[name] = {"value": each.difference, "low": each.low, "high": each.high}
    return found


def precision(rounds: Sequence[PlantedRound], scores: Scores) -> float:
    """Average precision at finding what was planted; kinds count alike."""
    return float(np.mean(list(found_by_kind(rounds, scores).values())))


def share(hits: Sequence[bool]) -> str:
    """A share with its interval."""
    interval = binomtest(sum(hits), len(hits)).proportion_ci(0.95, method="exact")
    return f"{np.mean(hits):.1%} ({interval.low:.1%} to {interval.high:.1%})"


def show(paths: Sequence[Path]) -> None:
    """Print the shares."""
    results = seeded_results.by_part(paths)["judged"]
    pairs = [each for result in results for each in result["pairs"]]
    margins = [each for result in results for each in result["margins"]]
    table = Table("what", "share", title=f"{len(results)} markets, {len(pairs)} pairs")
    for name, said in (
        ("before", "one planting seed, interval over instruments"),
        ("over seeds alone", "several planting seeds, interval over instruments and plantings"),
        ("today", "the same, and over training seeds: the default policy"),
    ):
        table.add_row(f"other training seed, told apart: {said}", share([each[name] in TOLD for each in pairs]))
    flips = [(each["today"]["value"] >= 0) != (each["other"]["value"] >= 0) for each in margins]
    table.add_row("other planting seeds: the margin passes with one set alone, by its value", share(flips))
    sure = [
        (each["today"]["low"] > 0 and each["other"]["high"] < 0)
        or (each["today"]["high"] < 0 and each["other"]["low"] > 0)
        for each in margins
    ]
    table.add_row("… and both are sure of it", share(sure))
    by_lower = [(each["today"]["low"] >= 0) != (each["other"]["low"] >= 0) for each in margins]
    table.add_row("… it passes with one set alone, by the lower end", share(by_lower))
    inside = [each["today"]["low"] <= each["other"]["value"] <= each["today"]["high"] for each in margins]
    table.add_row("… the margin by the other set lies in the interval", share(inside))
    for strength in NOISE:
        found = [each[f"noise {strength:g}"] for each in pairs]
        lost = float(np.mean([each["lost"] for each in found]))
        hits = share([each["verdict"] == "worse" for each in found])
        table.add_row(f"worse by noise {strength:g}, on average by {lost:.3f}: called worse", hits)
    chance = float(np.median([each["chance"] for each in pairs]))
    width = float(np.median([each["width"] for each in pairs if each["width"] is not None]))
    table.caption = f"Medians: deviation over training seeds {chance:.4f}, width of the interval {width:.3f}."
    Console(width=140).print(table)


def main() -> None:
    """Run some markets, or print what was found."""
    command, *words = sys.argv[1:]
    if command == "print":
        show([Path(word) for word in words])
        return
    first, last, instruments = (int(word) for word in (words[1:] + ["0", "40", "40"][len(words) - 1 :])[:3])
    seeded_results.run({"judged": lambda seed: judged(seed, instruments)}, Path(words[0]), first, last, ["judged"])


if __name__ == "__main__":
    main()
