"""How many hours after an hour of the market still rest on it: through features, and through windows of thresholds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlreg_dagster.config import FeatureSettings, FlaggingSettings, Settings
from mlreg_dagster.extensions.features import FEATURES, MOST_LOOKBACK
from mlreg_dagster.market.features.features import lookbacks_of
from mlreg_dagster.models.manifests import flagging_in
from mlreg_dagster.outcomes.names import is_ranking
from mlreg_dagster.outcomes.predicting.rankings import lookbacks_of_rankings
from mlreg_dagster.registry import ModelVersion

_VOLUME_HOURS = 23  # those of `volume_24h`, without its own
_MOST_DAYS = 31  # that a flag policy may look back on
MOST_HOURS = 2 * MOST_LOOKBACK + 24 * _MOST_DAYS
"""After an hour of which nothing is known but a version's name."""


@dataclass(frozen=True)
class Reach:
    """How far an hour reaches through one version or ranking.

    Attributes:
        feature_hours: Scores of so many hours after it rest on it.
        threshold_hours: Hours of scores, its own included, that the threshold of an hour is made of; 0: of none.
        is_shared: A feature may look across instruments: one instrument reaches all.
    """

    feature_hours: int
    threshold_hours: int
    is_shared: bool


def reach_of_features(settings: FeatureSettings, names: Iterable[str] | None = None) -> tuple[int, bool]:
    """How many hours after an hour features rest on it, and whether one of them may look across instruments.

    What the columns of a snapshot look back on counts, too; the all-time high, which looks back on everything, doesn't.

    Args:
        settings: What the features were computed with.
        names: Those that matter; None: all.
    """
    lookbacks = hours_of_features(settings)
    chosen = list(lookbacks) if names is None else list(names)
    hours = max((lookbacks.get(name, MOST_LOOKBACK) for name in chosen), default=0)
    return hours, any(name not in lookbacks or name in settings.own for name in chosen)


def hours_of_features(settings: FeatureSettings) -> dict[str, int]:
    """The hours before its own that each feature rests on; a plug-in that is not installed counts with the most."""
    built_in = lookbacks_of(settings.model_copy(update={"own": {}}))
    own = {name: each.lookback if (each := FEATURES.get(name)) else MOST_LOOKBACK for name in settings.own}
    return {name: hours + _VOLUME_HOURS * ("volume" in name) for name, hours in built_in.items()} | own


def reach_of(name: str, known: Mapping[str, ModelVersion], settings: Settings) -> Reach:
    """How far an hour reaches through what stands in the place of a version in the tables.

    Args:
        name: A version or a ranking.
        known: The versions on record, by name; of another version the most is assumed.
        settings: Those of the graph, for rankings.
    """
    if is_ranking(name):
        rankings = settings.outcomes.rankings
        hours = lookbacks_of_rankings(rankings, hours_of_features(settings.features))
        most, shared = reach_of_features(settings.features)
        return Reach(hours.get(name, most), threshold_hours(rankings.flagging), shared)
    if name not in known:
        return Reach(2 * MOST_LOOKBACK, 24 * _MOST_DAYS, True)
    manifest: Mapping[str, Any] = known[name].manifest
    hours_back, shared = reach_of_features(
        FeatureSettings.model_validate(manifest["feature_settings"]), manifest["features"]
    )
    return Reach(hours_back, threshold_hours(flagging_in(manifest)), shared)


def threshold_hours(flagging: FlaggingSettings) -> int:
    """How many hours of scores the threshold of an hour is made of, that hour included."""
    return {"frozen": 0, "top_k": 1, "trailing_share": 24 * flagging.days}[flagging.policy]
