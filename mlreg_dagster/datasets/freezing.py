"""From feature rows to a frozen file with its lineage, and back.

A dataset is a bundle of the artifact store: Parquet files and a `lineage.json` that says what went in.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import DatasetSettings, FeatureSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets.lineage import HOLDOUT as HOLDOUT
from mlreg_dagster.datasets.lineage import LINEAGE
from mlreg_dagster.datasets.lineage import TRAINING as TRAINING
from mlreg_dagster.datasets.lineage import lineage_of as lineage_of
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.storage.artifacts import Artifact, ArtifactStore

_ROWS, _MARKET = "rows.parquet", "market.parquet"
_LABELLED = "labelled.parquet"


class TooLittleHistory(MlregError):
    """A window lacks rows; the message says which and what to do."""


@dataclass(frozen=True)
class Dataset:
    """A frozen dataset, verified against its hash.

    Attributes:
        rows: Feature rows, ordered by hour and instrument.
        market: Snapshots from which the rows can be computed again; None in a training dataset.
        window: The hours that the rows lie in.
        lineage: What went in: hours, counts, feature settings, hashes.
        sha256: The hash of the bundle.
        labelled: Earlier rows with their outcomes, see `labels`; None in a holdout, and where none were asked for.
    """

    day: str
    rows: pd.DataFrame
    market: pd.DataFrame | None
    window: Window
    lineage: dict[str, Any]
    sha256: str
    labelled: pd.DataFrame | None = None


def select_training_rows(features: pd.DataFrame, window: Window, settings: DatasetSettings) -> pd.DataFrame:
    """The rows of a training window, without instruments that were seen too seldom.

    Raises:
        TooLittleHistory: Too few hours of the window have rows, of all instruments or of those that are kept, or no
            instrument was seen often enough.
    """
    rows = within(features, window)
    _require_hours(rows, window, settings.min_training_hours, "training", "min_training_hours")
    seen = rows.groupby("instrument_id")["hour"].transform("size")
    kept = rows[seen >= settings.min_snapshots_per_instrument].reset_index(drop=True)
    if kept.empty:
        raise TooLittleHistory(
            f"No instrument has {settings.min_snapshots_per_instrument} snapshots in the training window {window} "
            f"(the most is {int(seen.max())}). Ingest more of it, or lower min_snapshots_per_instrument in "
            f"datasets.yaml."
        )
    if (hours := kept["hour"].nunique()) < settings.min_training_hours:
        raise TooLittleHistory(
            f"The training window {window} has features for {hours} hours once the {rows['instrument_id'].nunique()} "
            f"instruments are down to the {kept['instrument_id'].nunique()} with "
            f"{settings.min_snapshots_per_instrument} snapshots; min_training_hours in datasets.yaml asks for "
            f"{settings.min_training_hours}. Ingest more of the window, or lower min_snapshots_per_instrument or "
            f"min_training_hours."
        )
    return kept


def select_holdout_rows(features: pd.DataFrame, window: Window, settings: DatasetSettings) -> pd.DataFrame:
    """All rows of a holdout window.

    Raises:
        TooLittleHistory: Too few hours of the window have rows.
    """
    rows = within(features, window)
    _require_hours(rows, window, settings.min_holdout_hours, "holdout", "min_holdout_hours")
    return rows


def describe_lineage(
    rows: pd.DataFrame, window: Window, available: pd.DataFrame, settings: FeatureSettings
) -> dict[str, Any]:
    """What went into a dataset: the window, counts, the settings of its features, and a hash of each hour's rows.

    Args:
        rows: What was selected.
        window: The hours that the rows lie in.
        available: What it was selected from.
        settings: Those that the graph computes features with.

    Raises:
        OtherFeatureSettings: A row was computed with other settings; a dataset has one kind of rows.
    """
    remedy = "Materialize market_features for those hours again, or give features.yaml back its values."
    require_settings(rows, settings.model_dump(mode="json"), "features.yaml", remedy)
    left_out = sorted(set(within(available, window)["instrument_id"]) - set(rows["instrument_id"]))
    return {
        "first_hour": window.first.isoformat(),
        "end": window.end.isoformat(),
        "feature_settings": settings.model_dump(mode="json"),
        "feature_fingerprint": settings.fingerprint,
        "rows": len(rows),
        "instruments": int(rows["instrument_id"].nunique()),
        "instruments_left_out": left_out,
        "hours_with_rows": int(rows["hour"].nunique()),
        "hours_in_window": len(window.hours),
        "hours": hash_hours(rows),
    }


def hash_hours(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The number of rows of each hour, and the SHA-256 of their content.

    The content is column names, kinds and values in their order; every null is alike.
    """
    kinds = {str(name): values.dtype.kind for name, values in rows.items()}
    others = [name for name, kind in kinds.items() if kind != "f" and name != "hour"]
    numbers = rows[[name for name, kind in kinds.items() if kind == "f"]].to_numpy(dtype=np.float64, copy=True)
    numbers[np.isnan(numbers)] = np.nan  # there are many bit patterns of it
    texts = rows[others].astype(str).astype(object).where(rows[others].notna(), None).to_numpy(dtype=object)
    hashed = {}
    for stamp, places in rows.groupby(rows["hour"].dt.strftime("%Y-%m-%dT%H:%MZ")).indices.items():
        words = json.dumps([kinds, texts[places].tolist()]).encode()
        sha256 = hashlib.sha256(words + numbers[places].tobytes()).hexdigest()
        hashed[str(stamp)] = {"rows": len(places), "sha256": sha256}
    return hashed


def freeze(
    store: ArtifactStore,
    kind: str,
    day: str,
    rows: pd.DataFrame,
    lineage: Mapping[str, Any],
    market: pd.DataFrame | None = None,
    labelled: pd.DataFrame | None = None,
) -> Artifact:
    """Write a dataset once.

    Raises:
        ArtifactFrozen: It exists already with other content.
    """
    files = {_ROWS: _to_parquet(rows), LINEAGE: json.dumps(lineage, indent=1, sort_keys=True).encode()}
    if market is not None:
        files[_MARKET] = _to_parquet(market)
    if labelled is not None:
        files[_LABELLED] = _to_parquet(labelled)
    return store.freeze(kind, day, files)


def load(store: ArtifactStore, kind: str, day: str, sha256: str | None = None) -> Dataset:
    """Read a dataset, verified against its own sums and, where given, `sha256`.

    Raises:
        ArtifactMissing, ArtifactTampered: It is not there, or not what was frozen.
    """
    if sha256 is None and (artifact := store.find(kind, day)):
        sha256 = artifact.sha256
    files = store.read(kind, day, sha256)
    lineage = json.loads(files[LINEAGE])
    return Dataset(
        day=day,
        rows=pd.read_parquet(io.BytesIO(files[_ROWS])),
        market=pd.read_parquet(io.BytesIO(files[_MARKET])) if _MARKET in files else None,
        window=Window(as_hour(lineage["first_hour"]), as_hour(lineage["end"])),
        lineage=lineage,
        sha256=str(sha256),
        labelled=pd.read_parquet(io.BytesIO(files[_LABELLED])) if _LABELLED in files else None,
    )


def newest_pair(store: ArtifactStore, now: pd.Timestamp) -> tuple[str, str] | None:
    """Newest day up to now of which both training and holdout are frozen, and the hash of its training dataset."""
    days = sorted(day for day in set(store.keys(TRAINING)) & set(store.keys(HOLDOUT)) if as_hour(day) <= now)
    if not days:
        return None
    training = store.find(TRAINING, days[-1])
    return None if training is None else (days[-1], training.sha256)


def within(features: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows of a window, ordered by key."""
    inside = (features["hour"] >= window.first) & (features["hour"] < window.end)
    return features[inside].sort_values(["hour", "instrument_id"], ignore_index=True)


def _require_hours(rows: pd.DataFrame, window: Window, wanted: int, name: str, key: str) -> None:
    found = rows["hour"].nunique()
    if found < wanted:
        absent = window.hours.difference(pd.DatetimeIndex(rows["hour"].unique()))
        raise TooLittleHistory(
            f"The {name} window {window} has features for {found} hours; {key} in datasets.yaml asks for {wanted}. "
            f"The first hour without rows is {absent[0]:%Y-%m-%d %H:%M}. Materialize market_snapshot and "
            f"market_features for {absent[0]:%Y-%m-%d-%H:%M}...{absent[-1]:%Y-%m-%d-%H:%M}, or lower {key} if the "
            f"market was closed."
        )


def _to_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
