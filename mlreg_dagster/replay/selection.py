"""Selection by outcomes: challengers mature in the champion's shadow, and replace it once their outcomes are better.

Everything follows from registry and tables as of a time, so a replay that was killed decides the same again.
"""

from collections.abc import Mapping

import pandas as pd

from mlreg_dagster.config import ModelSettings, OutcomeSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.models.manifests import is_trained_by, recorded_settings
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.worth.record import worth_on_record
from mlreg_dagster.outcomes.worth.verdict import Comparison
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DAY = pd.Timedelta(days=1)
_BEFORE_ALL = pd.Timestamp("1970-01-01", tz="UTC")


def shadows(
    registry: Registry,
    models: Mapping[str, ModelSettings],
    first: pd.Timestamp,
    shadow_days: int,
    *,
    before: bool = False,
) -> dict[str, str]:
    """The challenger of each model file that scores from `first` on, by the name of the file.

    One follows the other: it is the first version of the file that was trained since the one before became champion or
    had its `shadow_days`, and that passed its gates.

    Args:
        registry: Where the versions are.
        models: The settings of each model file.
        first: The midnight that begins a period.
        shadow_days: How long a challenger is given.
        before: Whether those that were trained for this very period are left out.
    """
    since = {move.version: move.effective_at for move in reversed(registry.history(CHAMPION))}
    found = {}
    for name, settings in models.items():
        wanted, free_from = recorded_settings(settings), _BEFORE_ALL
        for version in registry.versions():
            trained = as_hour(version.dataset_day) + _DAY
            is_young = trained < first or (trained == first and not before)
            evaluation = registry.latest_evaluation(version.version)
            if not is_trained_by(version.manifest, wanted) or not is_young or trained < free_from:
                continue
            if evaluation is None or not evaluation.passed:
                continue
            given = trained + shadow_days * _DAY
            free_from = min(given, pd.Timestamp(since.get(version.version, given)))
            if trained <= first < free_from:
                found[name] = version.version
    return found


def better_challenger(
    tables: Warehouse, challengers: Mapping[str, str], as_of: pd.Timestamp, settings: OutcomeSettings
) -> tuple[str, str] | None:
    """The challenger whose outcomes are better than the champions'; of several the one that is furthest ahead.

    Args:
        tables: Where model_worth is.
        challengers: Versions, by the name of their model file.
        as_of: When it is asked; outcomes that fell due later do not count.
        settings: What a verdict needs.

    Returns:
        The version and why, in words; None where no verdict says so.
    """
    found = [
        (version, against)
        for version in challengers.values()
        if (against := worth_on_record(tables, version, as_of, settings).against(CHAMPION)) is not None
        if against.verdict == "better"
    ]
    if not found:
        return None
    version, against = max(found, key=lambda each: each[1].precision.difference or 0.0)
    return version, _in_words(against)


def _in_words(found: Comparison) -> str:
    precision = found.precision
    return (
        f"better than the champion on {found.pairs:,} outcomes of {found.weeks} weeks: precision "
        f"{precision.value:.1%} against {precision.opponent:.1%}"
    )
