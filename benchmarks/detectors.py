"""The detectors with and without whitening, beside scikit-learn's and PyOD's as they come.

    python benchmarks/detectors.py [seeds] [folder]

Two kinds of trials. (Some of the same sets and weeks chose the members of the ensemble, see decision 0026: its figures
flatter it.) Tabular: the sets of ADBench (Han et al., "ADBench: Anomaly
Detection Benchmark", NeurIPS 2022) as `adbench/*.npz`, split 70/30 with as many anomalies in both parts, fitted on the
first without labels. Planted: anomalies planted by the project's own code into the day after real weeks of two
archives, found among the rows of that day. Means over sets (or weeks), with 95 % intervals from sets (or weeks) drawn
with replacement, and paired differences from the default model. PyOD is compared where it is installed. The folder
holds the archives and `adbench` (default: MLREG_TEST_DATA, or `shared/data` beside the project).
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline as steps

from mlreg_dagster.config import ArchiveSettings, DatasetSettings, FeatureSettings, InjectionSettings, ModelSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset, TooLittleHistory
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.models.detectors.local_density import distinct_rows
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit
from mlreg_dagster.models.evaluation.rounds import plant_anomalies
from mlreg_dagster.models.training import NOT_FEATURES

Matrix = NDArray[np.float64]
Score = Callable[[Matrix], Matrix]
Method = Callable[[Matrix, int], Score]
"""From training rows and a seed to what scores other rows."""

PROJECT = Path(__file__).resolve().parent.parent
LATER = pd.Timestamp("2026-01-01", tz="UTC")
DEFAULT = "forest, all rows a tree, whitened (model.yaml)"
SCIKIT_LEARN = "scikit-learn: IsolationForest()"
LOOKBACK = 168
RESAMPLES = 10_000
MARKETS: dict[str, dict[str, Any]] = {
    "crypto": {
        "archive": "crypto_hourly_2017.parquet",
        "universe": 7,
        "datasets": DatasetSettings(),
        "features": FeatureSettings(),
        "days": pd.date_range("2017-04-19", "2017-12-20", freq="14D"),
    },
    "vn_stocks": {
        "archive": "vn_stocks_hourly.parquet",
        "universe": 286,
        "datasets": DatasetSettings(min_training_hours=15, min_holdout_hours=3, min_snapshots_per_instrument=10),
        "features": FeatureSettings(min_window_share=0.1),
        "days": pd.date_range("2024-01-18", "2024-12-20", freq="28D"),
    },
}


def methods() -> dict[str, Method]:
    """What is compared, by the name that is printed."""
    forest = {"n_estimators": 200}
    own = {
        "forest, all rows a tree, not whitened": {"whiten": False},
        DEFAULT: {"whiten": True},
        "forest, 256 rows a tree, not whitened": {"params": forest | {"max_samples": "auto"}, "whiten": False},
        "forest, 256 rows a tree, whitened": {"params": forest | {"max_samples": "auto"}, "whiten": True},
        "local outlier factor, not whitened": {"detector": "local_outlier_factor", "whiten": False},
        "local outlier factor, whitened": {"detector": "local_outlier_factor", "whiten": True},
        "nearest neighbours, not whitened": {"detector": "nearest_neighbors", "whiten": False},
        "nearest neighbours, whitened": {"detector": "nearest_neighbors", "whiten": True},
        "robust z-score, not whitened": {"detector": "robust_z_score", "whiten": False},
        "robust z-score, whitened": {"detector": "robust_z_score", "whiten": True},
        "ensemble (model_ensemble.yaml)": {"detector": "ensemble"},
    }
    found = {name: _own(ModelSettings(**changes)) for name, changes in own.items()}
    found[SCIKIT_LEARN] = lambda rows, seed: _theirs(IsolationForest(random_state=seed), rows)
    found["scikit-learn: LocalOutlierFactor()"] = lambda rows, _: _theirs(LocalOutlierFactor(novelty=True), rows)
    return found | (_of_pyod() if find_spec("pyod") else {})


def _own(settings: ModelSettings) -> Method:
    def method(rows: Matrix, seed: int) -> Score:
        pipeline = fit(make_pipeline(settings.override({"seed": seed})), rows)
        return lambda others: anomaly_scores(pipeline, others)

    return method


def _theirs(estimator: Any, rows: Matrix) -> Score:
    """As it comes; nulls, which it would refuse, are medians."""
    pipeline = steps(SimpleImputer(strategy="median", keep_empty_features=True), estimator).fit(rows)
    return lambda others: -pipeline.score_samples(others)


def _of_pyod() -> dict[str, Method]:
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN

    def method(make: Callable[[int], Any]) -> Method:
        def fitted(rows: Matrix, seed: int) -> Score:
            known = SimpleImputer(strategy="median", keep_empty_features=True).fit(rows)
            estimator = make(seed).fit(known.transform(rows))
            return lambda others: np.nan_to_num(estimator.decision_function(known.transform(others)))

        return fitted

    return {
        "PyOD: IForest()": method(lambda seed: IForest(random_state=seed)),
        "PyOD: KNN()": method(lambda _: KNN()),
        "PyOD: ECOD()": method(lambda _: ECOD()),
        "PyOD: COPOD()": method(lambda _: COPOD()),
    }


def tabular(folder: Path, seeds: int) -> pd.DataFrame:
    """A row for each method and set: area under the ROC curve and average precision, means over the seeds."""
    found = []
    for path in sorted((folder / "adbench").glob("*.npz")):
        with np.load(path) as content:
            rows, labels = content["X"].astype(np.float64), content["y"]
        for seed in range(seeds):
            parts = train_test_split(rows, labels, test_size=0.3, random_state=seed, stratify=labels)
            for name, method in methods().items():
                scores = method(parts[0], seed)(parts[1])
                figures = roc_auc_score(parts[3], scores), average_precision_score(parts[3], scores)
                found.append((name, path.stem, *figures))
        print(".", end="", file=sys.stderr, flush=True)
    return pd.DataFrame(found, columns=["method", "unit", "AUROC", "AP"]).groupby(["method", "unit"]).mean()


def planted(folder: Path, market: str, seeds: int) -> pd.DataFrame:
    """A row for each method and week: average precision at finding the planted rows, means over kinds and seeds."""
    found = []
    for day, rows, rounds, marks in _weeks(folder, **MARKETS[market]):
        together = np.concatenate(rounds)  # which share most of their rows: each is scored once
        firsts, places = distinct_rows(together)
        distinct, ends = together[firsts], np.cumsum([len(each) for each in rounds])[:-1]
        for seed in range(seeds):
            for name, method in methods().items():
                scores = np.split(method(rows, seed)(distinct)[places], ends)
                found += [(name, day, average_precision_score(*each)) for each in zip(marks, scores, strict=True)]
        print(".", end="", file=sys.stderr, flush=True)
    return pd.DataFrame(found, columns=["method", "unit", f"AP, {market}"]).groupby(["method", "unit"]).mean()


def _weeks(
    folder: Path,
    archive: str,
    universe: int,
    datasets: DatasetSettings,
    features: FeatureSettings,
    days: pd.DatetimeIndex,
) -> Iterator[tuple[str, Matrix, list[Matrix], list[NDArray[np.bool_]]]]:
    """Day, training rows, rows of each round, what was planted; days when the market was closed are left out."""
    source = Archive(ArchiveSettings(path=str(folder / archive), exclude=("vnindex",)), universe)
    for day in days.tz_localize("UTC"):
        windows = windows_of(as_hour(day), datasets)
        hours = hour_range(windows.training.first, windows.holdout.end - HOUR)
        market = source.snapshots(hour_range(hours[0] - LOOKBACK * HOUR, hours[-1]), LATER)
        computed = compute_features(market, hours, features, LOOKBACK)
        try:
            training = freezing.select_training_rows(computed, windows.training, datasets)
            holdout = freezing.select_holdout_rows(computed, windows.holdout, datasets)
        except TooLittleHistory:
            continue
        behind = market[market["hour"] >= windows.holdout.first - LOOKBACK * HOUR].reset_index(drop=True)
        dataset = Dataset(f"{day:%Y-%m-%d}", holdout, behind, windows.holdout, {}, "")
        columns = [name for name in computed.columns if name not in NOT_FEATURES]
        rounds = plant_anomalies(dataset, InjectionSettings(), features, LOOKBACK)
        matrices = [each.rows[columns].to_numpy(dtype=np.float64) for each in rounds]
        yield dataset.day, training[columns].to_numpy(dtype=np.float64), matrices, [each.planted for each in rounds]


def table(title: str, figures: pd.DataFrame) -> Table:
    """Means with intervals, and differences from the default model on the same units."""
    units = figures.index.get_level_values("unit").unique()
    drawn = np.random.default_rng(0).integers(len(units), size=(RESAMPLES, len(units)))
    printed = Table(title=f"{title}: {len(units)} units")
    printed.add_column("method")
    for name in figures.columns:
        printed.add_column(name)
        printed.add_column("minus the default's")
    for method in methods():
        cells = []
        for name in figures.columns:
            values = figures.loc[method, name].reindex(units).to_numpy()
            default = figures.loc[DEFAULT, name].reindex(units).to_numpy()
            cells.append(_with_interval(values, drawn, ".3f"))
            cells.append("" if method == DEFAULT else _with_interval(values - default, drawn, "+.3f"))
        printed.add_row(method, *cells)
    return printed


def _with_interval(values: Matrix, drawn: NDArray[np.int64], form: str) -> str:
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return f"{values.mean():{form}} ({low:{form}} to {high:{form}})"


def main() -> None:
    """All tables."""
    warnings.filterwarnings("ignore")
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    data = Path(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("MLREG_TEST_DATA", PROJECT.parent / "shared/data"))
    if not (data / "adbench").is_dir():
        sys.exit(f"There is no adbench in {data}. Name the folder that holds it and the archives.")
    console = Console(width=200)
    for market in MARKETS:
        console.print(table(f"Planted into {market}, {seeds} seeds", planted(data, market, seeds)))
    console.print(table(f"Tabular sets, {seeds} seeds", tabular(data, seeds)))


if __name__ == "__main__":
    main()
