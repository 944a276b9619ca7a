"""Another version over the champion's hours: scored on stored features, judged by stored prices, kept nowhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, as_hour, chunked, hour_range
from mlreg_dagster.governance.promotion.champion_challenger import Challenge, challenge
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.manifests import flagging_in
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.predicting import history, scoring
from mlreg_dagster.outcomes.predicting.moved_thresholds import MovedThresholds
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.outcomes.validation import validate_predictions
from mlreg_dagster.outcomes.worth.counts import counts_by_day
from mlreg_dagster.outcomes.worth.verdict import Comparison, crashes_of, worth_of_counts
from mlreg_dagster.registry import ModelVersion, Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table, select_list

_DAY = pd.Timedelta(days=1)
_PRICE = ("hour", "instrument_id", "price")


class NothingToCompare(MlregError):
    """The champion made no predictions in the hours that are asked about, or the version can't be held against them."""


@dataclass(frozen=True)
class Side:
    """One of the two, over all its predictions whose outcomes are due.

    Attributes:
        version: Its name; `champion`: whichever version was.
        predictions: Those that are due.
        in_sample: Of these, kept out of the comparison, as the model may know the hour.
        flagged: Flagged, in-sample ones left out.
    """

    version: str
    predictions: int
    in_sample: int
    flagged: int


@dataclass(frozen=True)
class WhatIf:
    """What another version would have done in the champion's place.

    Attributes:
        version: The other version.
        champions: Who was champion in these hours.
        first: The first hour.
        last: The last hour.
        not_due: Predictions of the champion whose outcome is not due by the newest stored hour; left out.
        sides: The version and the champion, each by itself.
        at_budget: The two on the same rows, held to the same number of flags.
        as_flagged: The two on the same rows with the flags that each policy gives, for a single look.
        remarks: What a reader has to know.
    """

    version: str
    champions: Sequence[str]
    first: pd.Timestamp
    last: pd.Timestamp
    not_due: int
    sides: Sequence[Side]
    at_budget: Comparison
    as_flagged: Challenge
    remarks: Sequence[str]


def what_if(
    version: ModelVersion,
    first: pd.Timestamp,
    last: pd.Timestamp,
    registry: Registry,
    tables: Tables,
    store: ArtifactStore,
    settings: Settings,
) -> WhatIf:
    """Hold a version against the champion's predictions on record.

    Args:
        version: The other version.
        first: The first hour.
        last: The last hour.
        registry: Thresholds that drift decisions moved.
        tables: Features, prices and predictions.
        store: Where the version's artifact is.
        settings: What features and outcomes are made with.

    Raises:
        NothingToCompare: There is nothing to hold it against.
        OtherFeatureSettings, FeatureMismatch: The stored features are not those that the version learned from.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The version can't be loaded.
    """
    if last < first:
        raise NothingToCompare(f"The last hour, {last}, lies before the first, {first}. Write FIRST..LAST.")
    recorded = _read(tables, PREDICTIONS, first, last)
    champion = recorded[recorded["role"] == CHAMPION]
    if champion.empty:
        raise NothingToCompare(
            f"No champion predicted an hour from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}. "
            f"`mlreg history` tells when there was one; name hours whose predictions are on record."
        )
    horizon = settings.outcomes.horizon_hours * HOUR
    prices = _read(tables, MARKET_SNAPSHOT, first - FALL_HOURS * HOUR, last + horizon, _PRICE)
    scored = _scored(version, hour_range(first, last), prices, registry, tables, store, settings)
    both = pd.concat([champion.assign(model_version=CHAMPION), scored], ignore_index=True)
    due = both["hour"] + horizon <= prices["hour"].max()
    outcomes = validate_predictions(both[due].reset_index(drop=True), prices, settings.outcomes)
    until = (last + HOUR).ceil("D")
    counts = counts_by_day(outcomes, version.version, CHAMPION, settings.outcomes.worth.budget, until=until)
    worth = worth_of_counts(
        version.version, {CHAMPION: counts}, crashes_of(outcomes, version.version), until, settings.outcomes.worth
    )
    return WhatIf(
        version=version.version,
        champions=sorted(champion["model_version"].unique()),
        first=first,
        last=last,
        not_due=int((~due & (both["model_version"] == CHAMPION)).sum()),
        sides=[_side(outcomes, name) for name in (version.version, CHAMPION)],
        at_budget=worth.comparisons[0],
        as_flagged=challenge(outcomes, version.version, CHAMPION, settings.evaluation.comparison),
        remarks=list(_remarks(version, scored, worth.comparisons[0])),
    )


def _scored(
    version: ModelVersion,
    hours: pd.DatetimeIndex,
    prices: pd.DataFrame,
    registry: Registry,
    tables: Tables,
    store: ArtifactStore,
    settings: Settings,
) -> pd.DataFrame:
    """The version's predictions, as the graph would make them now: hours that are on record keep their thresholds."""
    policy, features = flagging_in(version.manifest), features_table(settings.features)
    back = 24 * policy.days * HOUR if policy.policy == "trailing_share" else 0 * HOUR
    recorded = _read(tables, PREDICTIONS, hours[0] - back, hours[-1], history.COLUMNS)
    recorded = recorded[recorded["model_version"] == version.version]
    moved = MovedThresholds(registry.drift_decisions())
    assigned = scoring.Assignment(version.version, version.artifact_sha256, scoring.REQUESTED, hours[0], hours[-1])
    made: list[pd.DataFrame] = []
    for chunk in chunked(hours, settings.ingest.hours_at_once):
        rows = _read(tables, features, chunk[0], chunk[-1])
        kept = recorded[(recorded["hour"] < hours[0]) | (recorded["hour"] >= chunk[0])]
        past = pd.concat([*(each[list(history.COLUMNS)] for each in made), kept]).sort_values("hour", kind="stable")
        now = prices[prices["hour"].between(chunk[0], chunk[-1])]
        recorded_then = history.History(history.by_kind(past), chunk[0])
        made.append(scoring.score([assigned], rows, now, store, None, recorded_then, moved))
    return pd.concat(made, ignore_index=True)


def _side(outcomes: pd.DataFrame, name: str) -> Side:
    own = outcomes[outcomes["model_version"] == name]
    in_sample = own["in_sample"].astype(bool)
    return Side(name, len(own), int(in_sample.sum()), int((own["is_anomaly"] & ~in_sample).sum()))


def _remarks(version: ModelVersion, scored: pd.DataFrame, found: Comparison) -> Iterable[str]:
    scores_from = as_hour(version.manifest["scores_from"])
    if bool(scored["in_sample"].any()):
        yield (
            f"{version.version} may score from {scores_from:%Y-%m-%d %H:%M} UTC on: earlier hours lie in or before its "
            f"dataset and are left out."
        )
    if not found.pairs:
        yield "No row is left that both scored, whose outcome is due and known, and that neither was trained on."
    if found.precision.unit == "days":
        yield "The intervals resample days, as there are too few complete weeks: they are too narrow."


def _read(
    tables: Tables, table: Table, first: pd.Timestamp, last: pd.Timestamp, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Rows of a range of hours in the order of their key; none where there is no table."""
    names = list(columns or table.columns)
    empty = table.empty()[names]
    if not tables.has(table.name, set(names) - set(tables.lacking(table))):
        return empty
    found = tables.frame(
        f"SELECT {select_list(names, tables.lacking(table))} FROM {table.name} "  # noqa: S608 - names of ours
        f"WHERE hour BETWEEN $first AND $last ORDER BY {', '.join(table.key)}",
        {"first": first, "last": last},
    )
    return found.astype(empty.dtypes)
