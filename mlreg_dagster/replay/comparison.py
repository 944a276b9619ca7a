"""How the policies of a replay did: each one's versions as one, against the simple rankings, on the same rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.replay_schema import REPLAY_POLICIES
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.counts import counts_by_day, monday_before
from mlreg_dagster.outcomes.worth.daily import NO_CRASHES, ROWS, crashes_by_version
from mlreg_dagster.outcomes.worth.verdict import Worth, worth_of_counts
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_CHUNK = pd.Timedelta(days=28)
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class PolicyWorth:
    """A policy and how it did.

    Attributes:
        policy: Its name; `champion`: the policy of the replay itself.
        versions: How many versions it has had as champion.
        worth: Against the simple rankings.
    """

    policy: str
    versions: int
    worth: Worth


def compare_policies(
    tables: Warehouse, first: pd.Timestamp, end: pd.Timestamp, settings: OutcomeSettings
) -> list[PolicyWorth]:
    """Measure the replay's champions and each policy that it compared.

    Args:
        tables: Where outcomes and decisions are.
        first: First midnight of the replay.
        end: The midnight after its last day; outcomes that fell due later do not count.
        settings: The horizon, and what a verdict needs.
    """
    decided = tables.read(REPLAY_POLICIES, first, end - _DAY)
    policies = [CHAMPION, *sorted(decided["policy"].unique())]
    counts: dict[tuple[str, str], list[pd.DataFrame]] = {}
    crashes: dict[str, list[pd.DataFrame]] = {}
    horizon = settings.horizon_hours * HOUR
    until = (end - horizon).floor("D")
    for begin, stop in _chunks(first, until):
        hours = (monday_before(begin) + horizon, stop - HOUR + horizon)
        rows = by_policy(tables.read(PREDICTION_OUTCOMES, *hours, columns=ROWS), decided)
        for policy in policies:
            for ranking in sorted(rows.loc[rows["role"] == RANKING, "model_version"].unique()):
                counted = counts_by_day(rows, policy, ranking, settings.worth.budget, begin, stop)
                counts.setdefault((policy, str(ranking)), []).append(counted)
        for policy, found in crashes_by_version(rows[rows["prediction_hour"] >= begin]).items():
            crashes.setdefault(policy, []).append(found)
    return [
        PolicyWorth(
            policy,
            decided.loc[decided["policy"] == policy, "model_version"].nunique(),
            worth_of_counts(
                policy,
                {ranking: pd.concat(days) for (each, ranking), days in counts.items() if each == policy},
                pd.concat(crashes.get(policy, [NO_CRASHES]), ignore_index=True),
                until,
                settings.worth,
            ),
        )
        for policy in policies
    ]


def _chunks(first: pd.Timestamp, until: pd.Timestamp) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    begin = first
    while begin < until:
        yield begin, min(begin + _CHUNK, until)
        begin += _CHUNK


def by_policy(outcomes: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """The outcomes of the rankings, of the champions as one, and of each policy under its name."""
    champions = outcomes[outcomes["role"] == CHAMPION].assign(model_version=CHAMPION)
    parts = [outcomes[outcomes["role"] == RANKING], champions]
    periods = decided["day"].drop_duplicates().sort_values()
    if len(periods):
        begun = pd.merge_asof(
            outcomes[["prediction_hour"]].drop_duplicates().sort_values("prediction_hour"),
            periods.rename("day").to_frame(),
            left_on="prediction_hour",
            right_on="day",
        )
        known = outcomes.merge(begun.dropna(), on="prediction_hour")
        chosen = known.merge(decided, on=["day", "model_version"])
        named = chosen.assign(model_version=chosen["policy"], role="requested")
        parts.append(named[list(outcomes.columns)])
    return pd.concat(parts, ignore_index=True)
