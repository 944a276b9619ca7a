"""Rows of features from rows of snapshots, by clock time: which features there are, and how they get into a table.

Each feature is a function on a grid: those of the package are in `built_in`, those of plug-ins come through
`extensions.feature`.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import ConfigError, FeatureSettings
from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.extensions.features import FEATURES, Feature
from mlreg_dagster.extensions.grid import Array, Grid
from mlreg_dagster.market.features.built_in import built_in_features
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.market.schema import CHANGES
from mlreg_dagster.storage.warehouse.tables import FEW_TEXTS, UTC, Check, Table, column

_WORTH_SHARING = 50_000  # rows; fewer are computed before a second core has begun
_LOOKING_BACK = {**CHANGES, "volatility_7d_pct": 168}
_INPUTS = (
    "price", "market_cap", "volume_24h", "change_1h_pct", "change_24h_pct", "change_7d_pct", "all_time_high",
    "volatility_7d_pct",
)  # fmt: skip


def features_of(settings: FeatureSettings) -> list[Feature]:
    """Every feature, in the order in which models see them: those of the package, then the chosen ones of plug-ins.

    Raises:
        ConfigError: The settings name a feature or a version that no plug-in registers.
    """
    features = built_in_features(settings)
    for name, version in sorted(settings.own.items()):
        own = FEATURES.get(name)
        if own is None:
            allowed = ", ".join(FEATURES.names) or "none, as no plug-in registers a feature"
            raise ConfigError(f"features.yaml: own.{name}: no plug-in registers this feature; allowed are {allowed}.")
        if own.version != version:
            raise ConfigError(
                f"features.yaml: own.{name}: asked for is version {version!r}, but {FEATURES.plugin(name)} registers "
                f"version {own.version!r}. Name that one, and materialize market_features again."
            )
        features.append(own)
    return features


def describe_features(settings: FeatureSettings) -> dict[str, str]:
    """Name to meaning of every feature, in the order in which models see them.

    A feature of a plug-in that is not installed is left out: settings of old models are described, too.
    """
    own = (FEATURES.get(name) for name in sorted(settings.own))
    return {each.name: each.description for each in (*built_in_features(settings), *own) if each is not None}


def families_of(settings: FeatureSettings) -> dict[str, str]:
    """Name to family of every feature, in the order in which models see them.

    A feature that names none is a family of its own, as is one of a plug-in that is not installed.
    """
    families = {each.name: each.family for each in built_in_features(settings)}
    families |= {name: each.family if (each := FEATURES.get(name)) else "" for name in sorted(settings.own)}
    return {name: family or name for name, family in families.items()}


def lookbacks_of(settings: FeatureSettings) -> dict[str, int]:
    """Name to the hours before its own that a feature depends on, those of the column it is made of included."""
    return {each.name: each.lookback + _of_column(each.name) for each in features_of(settings)}


def _of_column(name: str) -> int:
    """How far back the snapshot's column looks that a feature of the package is made of."""
    name = name.removeprefix("slog_")
    return max((hours for column, hours in _LOOKING_BACK.items() if name.startswith(column)), default=0)


def features_table(settings: FeatureSettings) -> Table:
    """The table of features; its columns follow from the settings."""
    features = features_of(settings)
    ours = Check(lambda s: s == settings.text, error=f"must be the settings of features.yaml, {settings.text}")
    return Table(
        name="market_features",
        description="What a model sees of one instrument at one hour.",
        key=("hour", "instrument_id"),
        columns={
            "hour": column(UTC, "The hour that the row is for, UTC."),
            "instrument_id": column(str, "Stable key of the instrument."),
            FEATURE_SETTINGS: column(FEW_TEXTS, "The settings that the row was computed with, as JSON.", ours),
            **{each.name: column(float, each.description, nullable=True) for each in features},
        },
        grows=False,
    )


def compute_features(
    snapshots: pd.DataFrame, hours: pd.DatetimeIndex, settings: FeatureSettings, lookback_hours: int
) -> pd.DataFrame:
    """Features of `hours` from the snapshots of those hours and the `lookback_hours` before them.

    Args:
        snapshots: Rows of `market_snapshot`; whatever lies outside `hours` and the hours before is ignored.
        hours: Consecutive whole hours.
        settings: Lags and windows.
        lookback_hours: How many hours before the first one are read.

    Returns:
        One row for each snapshot row within `hours`, with the columns of `features_table`, ordered by key.
    """
    first = hours[0] - lookback_hours * HOUR
    snapshots = snapshots[snapshots["hour"].between(first, hours[-1])]
    down = hours_since_epoch(snapshots["hour"]) - hours_since_epoch(hours[:1])[0] + lookback_hours
    across, instruments = pd.factorize(snapshots["instrument_id"])
    order = instruments.argsort()  # in half the time of `sort=True`
    instruments, ranks = instruments[order], order.argsort()
    cells = down * len(instruments) + ranks[across]
    grids = np.empty((len(_INPUTS), lookback_hours + len(hours), len(instruments)))

    def on_grid(name: str, grid: Array) -> Array:
        grid[:] = np.nan
        grid.ravel()[cells] = snapshots[name].to_numpy(dtype=np.float64)
        return grid

    names = [each.name for each in features_of(settings)]
    columns = np.empty((len(names), len(hours), len(instruments)))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        inputs = dict(zip(_INPUTS, threads.map(on_grid, _INPUTS, grids), strict=True))
        observed = np.flatnonzero(~np.isnan(inputs["price"][lookback_hours:]))
        keys = threads.submit(_key_columns, observed, hours, instruments, settings)
        fill_columns(dict(zip(names, columns, strict=True)), inputs, hours, settings)
    values, rows = columns.reshape(len(names), -1), len(observed)
    if rows < values.shape[1]:
        for column_values in values:  # one after the other: a copy of all would double the memory
            column_values[:rows] = column_values[observed]
    frame = pd.DataFrame(values[:, :rows].T, columns=names, copy=False)
    for place, (name, key) in enumerate(keys.result().items()):
        frame.insert(place, name, key)
    return frame


def _key_columns(
    observed: NDArray[np.int64], hours: pd.DatetimeIndex, instruments: pd.Index, settings: FeatureSettings
) -> dict[str, Any]:
    """The columns that are no features, for the cells that were observed."""
    at_hour, at_instrument = np.divmod(observed, max(len(instruments), 1))
    return {
        "hour": hours.take(at_hour),
        "instrument_id": instruments.take(at_instrument).astype("str"),
        FEATURE_SETTINGS: pd.Categorical.from_codes(np.zeros(len(observed), np.int8), pd.Index([settings.text])),
    }


def fill_columns(
    columns: dict[str, Array], inputs: dict[str, Array], hours: pd.DatetimeIndex, settings: FeatureSettings
) -> None:
    """Compute every feature into its own array.

    Args:
        columns: Every name of `features_of`, to the hours x instruments array that is filled.
        inputs: The columns of the snapshot on grids that begin earlier, by the hours that are looked back.
        hours: The hours of `columns`.
        settings: Lags and windows.
    """
    grid = Grid(inputs, hours)
    work: dict[Any, list[Array]] = {}
    for each in features_of(settings):
        work.setdefault(each.fill, []).append(columns[each.name])
    if columns["is_gap"].size < _WORTH_SHARING:
        for fill, arrays in work.items():
            fill(grid, *arrays)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for done in [threads.submit(fill, grid, *arrays) for fill, arrays in work.items()]:
                done.result()
