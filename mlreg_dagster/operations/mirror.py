"""The mirror of the newest hour in a home: compared with the tables, and written again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.times import hour_key
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.features.newest import (
    NewestFeatures,
    decode,
    mirror_newest_features,
    newest_features,
)
from mlreg_dagster.operations.home import Home, materialize
from mlreg_dagster.outcomes.predicting.newest import (
    NewestThreshold,
    decode_thresholds,
    mirror_newest_thresholds,
    newest_thresholds,
)
from mlreg_dagster.storage.mirror import FEATURES_FILE, THRESHOLDS_FILE

_NAME = "newest hour"


def mirror_follows(home: Home, settings: Settings) -> Iterator[Finding]:
    """The mirror shows what the tables hold; what is wrong with the tables themselves is told by other findings."""
    if not home.warehouse.exists():
        return
    try:
        with home.warehouse.look() as connection:
            features = newest_features(connection, features_table(settings.features))
            thresholds = newest_thresholds(connection, lambda _: "")
    except (MlregError, duckdb.Error):
        return
    if features is not None:
        yield _of_features(home, features)
    if thresholds:
        yield _of_thresholds(home, thresholds)


def mirrors_ahead(home: Home, now: datetime) -> bool:
    """Whether the mirror shows an hour that has not begun yet, as after a clock that was ahead."""
    try:
        return decode(home.mirror.read(FEATURES_FILE), "").hour > now
    except (FileNotFoundError, MlregError):
        return False


def mirror_again(home: Home, settings: Settings) -> None:
    """Write the mirror as the tables are now.

    Raises:
        MirrorError, StorageFull, StorageNotWritable: It is as it was.
    """
    mirror_newest_features(home.warehouse, features_table(settings.features), home.mirror)
    mirror_newest_thresholds(home.warehouse, home.registry, home.mirror)


def _of_features(home: Home, stored: NewestFeatures) -> Finding:
    place, name = home.mirror.path(FEATURES_FILE), f"{_NAME} of features"
    advice = f"The next hourly run writes it; or {_again('market_features', stored.hour)}"
    try:
        found = decode(home.mirror.read(FEATURES_FILE), place)
    except FileNotFoundError:
        seen = f"{place} is not there yet: an earlier release wrote this home. No server knows instruments until then."
        return Finding(name, "waiting", seen, advice)
    except MlregError as error:
        return Finding(name, "miss", str(error), advice)
    if found.hour != stored.hour:
        seen = f"{place} shows {hour_key(found.hour)}, and the newest hour of the table is {hour_key(stored.hour)}."
        return Finding(name, "miss", seen, advice)
    if not _equal(found, stored):
        seen = f"{place} shows other rows of {hour_key(found.hour)} than the table holds."
        return Finding(name, "miss", seen, advice)
    return Finding(name, "ok", f"{place} shows {hour_key(found.hour)}, {len(found.instruments)} instruments.")


def _of_thresholds(home: Home, stored: dict[str, NewestThreshold]) -> Finding:
    place, name = home.mirror.path(THRESHOLDS_FILE), f"{_NAME} of thresholds"
    newest = max(each.hour for each in stored.values())
    advice = f"The next hourly run writes it; or {_again('predictions', newest)}"
    try:
        found = decode_thresholds(home.mirror.read(THRESHOLDS_FILE), place)
    except FileNotFoundError:
        seen = f"{place} is not there yet: an earlier release wrote this home. Servers use thresholds of training rows."
        return Finding(name, "waiting", seen, advice)
    except MlregError as error:
        return Finding(name, "miss", str(error), advice)
    if {version: replace(each, policy="") for version, each in found.items()} != stored:
        seen = f"{place} shows other thresholds than the predictions of {hour_key(newest)} and the day before it have."
        return Finding(name, "miss", seen, advice)
    return Finding(name, "ok", f"{place} shows those of {', '.join(found)}, the newest of {hour_key(newest)}.")


def _equal(left: NewestFeatures, right: NewestFeatures) -> bool:
    names = [(each.feature_settings, each.instruments, each.features) for each in (left, right)]
    return names[0] == names[1] and np.array_equal(left.values, right.values, equal_nan=True)


def _again(asset: str, hour: datetime) -> str:
    return materialize(asset, pd.DatetimeIndex([hour]))
