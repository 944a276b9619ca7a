"""Simple rankings: scores made of one column, on the same rows as the models and flagged within a budget, too.

A ranking is no version: it is not registered, not promoted and not asked for by name. What a ranking is worth beside a
model is measured elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.outcomes import RankingSettings
from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.flagging import StartUp
from mlreg_dagster.models.manifests import start_up_in
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.names import RANKING, ranking_version
from mlreg_dagster.outcomes.predicting.history import History
from mlreg_dagster.outcomes.predicting.scoring import Assignment
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.artifacts import ArtifactStore

READ_HOURS = 24
"""How many hours before the first one `snapshots` must hold."""

_HIGH_HOURS = 6
_KEY = ["hour", "instrument_id"]
_COLUMNS = {
    "volatility": {"column": "volatility_7d_pct", "by": "value"},
    "absolute_change": {"column": "change_24h_pct", "by": "absolute"},
    "fall": {"column": "change_24h_pct", "by": "negative"},
}
_OF_THE_MARKET: dict[str, dict[str, Any]] = {
    "volume_jump": {"log_of": "volume_24h", "over_its_mean_of_the_hours_before": READ_HOURS},
    "drawdown": {"fall_pct_of": "price", "from_its_high_of_the_hours_before": _HIGH_HOURS},
}
_ROBUST_Z = "robust_z"


def rank(
    settings: RankingSettings,
    champions: Iterable[Assignment],
    features: pd.DataFrame,
    snapshots: pd.DataFrame,
    store: ArtifactStore,
    history: History | None = None,
) -> pd.DataFrame:
    """Predictions of every simple ranking; a row whose column is unknown gets none.

    Args:
        settings: Which rankings, and how they flag.
        champions: Who scores; `robust_z` is the baseline in the bundle of the champion as of each hour.
        features: Rows of `market_features`.
        snapshots: hour, instrument_id, price and volume_24h of the same hours and READ_HOURS before them.
        store: Where the bundles are.
        history: What is on record of these hours and those before them; None: nothing is.

    Returns:
        Rows of PREDICTIONS with the role of a ranking.

    Raises:
        ArtifactMissing, ArtifactTampered, UntrustedModel: The champion's bundle can't be used.
    """
    prices = snapshots[[*_KEY, "price"]]
    rows = features.merge(prices, on=_KEY, how="left", validate="one_to_one").assign(in_sample=False)
    if rows.empty:
        return PREDICTIONS.empty()
    history = history or History(None, rows["hour"].min())
    ranked = [PREDICTIONS.empty()]
    for name, scored, definition, start in _scored(settings, champions, rows, snapshots, store):
        known = scored[np.isfinite(scored["score"])]
        if known.empty:
            continue
        own = known.assign(
            model_version=ranking_version(name),
            role=RANKING,
            artifact_sha256=_sha256({**definition, "flagging": settings.flagging.model_dump(mode="json")}),
        )
        thresholds = history.thresholds(own, settings.flagging, start=start)
        flagged = own.assign(threshold=thresholds, is_anomaly=own["score"] > thresholds)
        ranked.append(flagged[list(PREDICTIONS.columns)])
    found = pd.concat(ranked[1:] or ranked, ignore_index=True)
    ranked.clear()  # the largest frames of an hourly run are not held twice
    return found.sort_values(list(PREDICTIONS.key), ignore_index=True)


def lookbacks_of_rankings(settings: RankingSettings, features: Mapping[str, int]) -> dict[str, int]:
    """How many hours before its own the score of each ranking rests on; `robust_z` is left out, for it has a model's.

    Args:
        settings: Which rankings there are.
        features: The same of each feature.
    """
    columns: dict[str, str] = {name: str(_COLUMNS[name]["column"]) for name in settings.panel if name in _COLUMNS}
    columns |= {name: own.column for name, own in settings.own.items()}
    hours = {name: features[column] for name, column in columns.items() if column in features}
    read = {"volume_jump": READ_HOURS + features["slog_volume_24h"], "drawdown": _HIGH_HOURS}
    hours |= {name: read[name] for name in settings.panel if name in read}
    return {ranking_version(name): each for name, each in hours.items()}


def _scored(
    settings: RankingSettings,
    champions: Iterable[Assignment],
    rows: pd.DataFrame,
    snapshots: pd.DataFrame,
    store: ArtifactStore,
) -> Iterator[tuple[str, pd.DataFrame, Mapping[str, Any], StartUp | None]]:
    """Name, scored rows, definition and start-up of each ranking."""
    columns: dict[str, dict[str, Any]] = {name: _COLUMNS[name] for name in settings.panel if name in _COLUMNS}
    columns |= {name: own.model_dump() for name, own in settings.own.items()}
    for name, definition in columns.items():
        yield name, rows.assign(score=_by(rows[definition["column"]], definition["by"])), definition, None
    for name in settings.panel:
        if name in _OF_THE_MARKET:
            yield name, rows.assign(score=_of_the_market(name, rows, snapshots)), _OF_THE_MARKET[name], None
    if _ROBUST_Z in settings.panel:
        yield from _robust_z(champions, rows, store)


def _robust_z(
    champions: Iterable[Assignment], rows: pd.DataFrame, store: ArtifactStore
) -> Iterator[tuple[str, pd.DataFrame, Mapping[str, Any], StartUp | None]]:
    """The baseline of each champion on its hours: another champion's is another ranking of the same name."""
    tenures: dict[tuple[str, str], list[Assignment]] = {}
    for each in champions:
        if each.role == CHAMPION:
            tenures.setdefault((each.version, each.artifact_sha256), []).append(each)
    for (version, sha256), held in tenures.items():
        own = pd.concat([rows[rows["hour"].between(each.first, each.last)] for each in held])
        if own.empty:
            continue
        model = artifact.load(store, version, sha256)
        scores = model.baseline_score(model.select(own))
        scored = own.assign(score=scores, in_sample=own["hour"] < model.scores_from)
        yield _ROBUST_Z, scored, {"baseline_of": sha256}, start_up_in(model.manifest, baseline=True)


def _by(values: "pd.Series[float]", by: str) -> "pd.Series[float]":
    return {"value": values, "negative": -values, "absolute": values.abs()}[by]


def _of_the_market(name: str, rows: pd.DataFrame, snapshots: pd.DataFrame) -> NDArray[np.float64]:
    """A score that reads the hours before, by the clock; NaN where it is not known."""
    column, hours = ("volume_24h", READ_HOURS) if name == "volume_jump" else ("price", _HIGH_HOURS)
    codes, instruments = pd.factorize(rows["instrument_id"])
    grid = snapshots.pivot(index="hour", columns="instrument_id", values=column)
    clock = pd.date_range(rows["hour"].min() - hours * HOUR, rows["hour"].max(), freq="h", unit="us")
    values = grid.reindex(index=clock, columns=instruments).to_numpy(dtype=np.float64)
    before = [values[hour : len(values) - hours + hour] for hour in range(hours)]
    scores = _volume_jump(values[hours:], before) if name == "volume_jump" else _drawdown(values[hours:], before)
    found: NDArray[np.float64] = scores[hours_since_epoch(rows["hour"]) - hours_since_epoch(clock)[hours], codes]
    return found


def _volume_jump(volume: NDArray[np.float64], before: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Logarithm of a volume over its mean of the hours before in which it is known."""
    observed = sum(~np.isnan(each) for each in before)
    total = sum(np.nan_to_num(each) for each in before)  # hour by hour: the same sum for any range
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(volume / (total / observed)))


def _drawdown(price: NDArray[np.float64], before: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """How far a price lies below the highest of the hours before and its own, %."""
    high = price
    for each in before:
        high = np.fmax(high, each)
    return 100 * (1 - price / high)


def _sha256(definition: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
