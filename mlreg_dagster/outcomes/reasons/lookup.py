"""The reasons for one score: the stored ones, or, where there are none, computed from the stored features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE, RANKING, REASONS_TABLE
from mlreg_dagster.outcomes.reasons.explaining import explain
from mlreg_dagster.outcomes.reasons.summary import part_of_total
from mlreg_dagster.registry import ModelVersion, Registry
from mlreg_dagster.registry.records.suspensions import covering, suspended_times
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.reader import Tables

_SHOWN = ["rank", "family", "share", "part", "feature", "value", "training_median"]
_FEATURES_TABLE = "market_features"


class NothingToExplain(MlregError):
    """No model scored, or could score, what is asked about."""


@dataclass(frozen=True)
class Explanation:
    """Why an instrument has its score.

    Attributes:
        hour: Of the row.
        instrument_id: Of the row.
        version: That scores.
        score: Its score.
        score_at_medians: The score of a row of training medians, which the reasons start from.
        threshold: Of the prediction; of the version, where it did not predict the hour.
        role: Of the prediction; None where the version did not predict the hour.
        flagged: Whether it was flagged; None where the version did not predict the hour.
        stored: Whether the reasons are those on record.
        remark: Why they are not; empty where they are.
        reasons: Rows of rank, family, share, part (of the difference), feature, value, training_median.
    """

    hour: datetime
    instrument_id: str
    version: str
    score: float
    score_at_medians: float
    threshold: float
    role: str | None
    flagged: bool | None
    stored: bool
    remark: str
    reasons: Sequence[Mapping[str, Any]]


def version_at(registry: Registry, hour: datetime, spec: str | None) -> ModelVersion:
    """The version that is asked about: the champion as of the hour, or the one that is named.

    Raises:
        NothingToExplain: There was no champion, or a simple ranking is named.
        UnknownVersion: What is named leads to no version.
    """
    if spec is None:
        if registry.holder(CHAMPION, hour) is None:
            raise NothingToExplain(
                f"There was no champion as of {hour:%Y-%m-%d %H:%M}. Name a version with --version, or a later hour."
            )
        changes = registry.suspensions(CHAMPION)
        if (suspension := covering(suspended_times(changes), hour)) is not None:
            raise NothingToExplain(
                f"No champion scored {hour:%Y-%m-%d %H:%M}: {suspension.in_words}. Name a version with --version, or "
                f"another hour."
            )
        spec = CHAMPION
    if spec.startswith(f"{RANKING}:"):
        raise NothingToExplain(f"{spec} is made of one column, which is its only reason. Name a version: v1, v2, ….")
    return registry.resolve(spec, hour)


def look_up(
    tables: Tables,
    store: ArtifactStore,
    version: ModelVersion,
    hour: datetime,
    instrument: str,
    settings: ReasonSettings,
) -> Explanation:
    """The reasons for a version's score of an instrument at an hour.

    Args:
        tables: Where predictions, reasons and features are.
        store: Where the version's artifact is.
        version: That scores.
        hour: A whole hour.
        instrument: Its `instrument_id`.
        settings: How reasons are computed where none are stored.

    Raises:
        NothingToExplain: The instrument was not observed at the hour.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The version can't be loaded.
        OtherFeatureSettings: The stored features are not those that the version learned from.
    """
    key = {"hour": hour, "instrument": instrument, "version": version.version}
    reasons, made = (_of_prediction(tables, name, key) for name in (REASONS_TABLE, PREDICTIONS_TABLE))
    if not reasons.empty and not made.empty:
        return _explanation(reasons, made, stored=True)
    rows = _features(tables, hour, instrument)
    model = artifact.load(store, version.version, version.artifact_sha256)
    if made.empty:
        score = float(model.score(model.select(rows))[0])
        made = pd.DataFrame([{"score": score, "threshold": model.threshold, "role": None, "is_anomaly": None}])
    chosen = settings if settings.pairs else settings.override({"pairs": ReasonSettings().pairs})
    found = _explanation(explain(model, rows, chosen), made, stored=False)
    return replace(found, remark=f"{_why_not_stored(found)} These were computed now from the stored features.")


def _why_not_stored(found: Explanation) -> str:
    if found.flagged is None:
        return f"{found.version} has not predicted this hour."
    if not found.flagged:
        return "It was not flagged, and only flags have reasons on record."
    if found.role not in (CHAMPION, CHALLENGER):
        return "It was flagged on request, and only flags of champion and challenger have reasons on record."
    return "It was flagged and has no reasons on record: the hour was predicted before there were any."


def _explanation(reasons: pd.DataFrame, made: pd.DataFrame, *, stored: bool) -> Explanation:
    shown = reasons.assign(part=part_of_total(reasons))[_SHOWN].astype(object)
    first, prediction = reasons.iloc[0], made.iloc[0]
    return Explanation(
        hour=first["hour"].to_pydatetime(),
        instrument_id=str(first["instrument_id"]),
        version=str(first["model_version"]),
        score=float(prediction["score"]),
        score_at_medians=float(first["score_at_medians"]),
        threshold=float(prediction["threshold"]),
        role=prediction["role"],
        flagged=None if prediction["is_anomaly"] is None else bool(prediction["is_anomaly"]),
        stored=stored,
        remark="",
        reasons=shown.where(shown.notna(), None).replace({np.nan: None}).to_dict("records"),  # type: ignore[arg-type]
    )


def _of_prediction(tables: Tables, table: str, key: Mapping[str, object]) -> pd.DataFrame:
    if not tables.has(table, ("hour", "instrument_id", "model_version")):
        return pd.DataFrame()
    where = "hour = $hour AND instrument_id = $instrument AND model_version = $version"
    return tables.frame(f'SELECT * FROM "{table}" WHERE {where} ORDER BY ALL', key)  # noqa: S608 - names of ours


def _features(tables: Tables, hour: datetime, instrument: str) -> pd.DataFrame:
    when = f"{hour:%Y-%m-%d %H:%M}"
    there = tables.has(_FEATURES_TABLE, ("hour", "instrument_id"))
    rows = (
        tables.frame(f"SELECT * FROM {_FEATURES_TABLE} WHERE hour = $hour", {"hour": hour})  # noqa: S608
        if there
        else pd.DataFrame({"instrument_id": []})
    )
    if rows.empty:
        raise NothingToExplain(
            f"market_features holds nothing of {when}: the hour was never made, the market was closed, or retention "
            f"has removed it. Name another hour, or materialize market_snapshot and market_features for it."
        )
    found = rows[rows["instrument_id"] == instrument].reset_index(drop=True)
    if found.empty:
        known = sorted(rows["instrument_id"])
        close = get_close_matches(instrument, known, n=3) or known[:3]
        raise NothingToExplain(
            f"{instrument} was not observed at {when}, so no version scored it. Of the {len(known)} instruments of the "
            f"hour, did you mean {', '.join(close)}?"
        )
    return found
