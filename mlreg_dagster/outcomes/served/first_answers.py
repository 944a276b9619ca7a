"""The first answer of each version about an instrument and its hour, and its outcome, by the rules of scheduled ones.

The first one counts, however often it is asked again: it can't be chosen with hindsight.
"""

from collections.abc import Mapping

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.crashes import outcomes_of
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.outcomes.names import SERVED_TABLE, served_version
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES, SERVED_PREDICTIONS
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_ABOUT = "market_hour, instrument_id, model_version"
_FIRST = (
    f'SELECT {_ABOUT}, answer_id, "row", answered_at, score, is_anomaly, '  # noqa: S608 - names of ours
    f"count(*) OVER (PARTITION BY {_ABOUT}) AS answers FROM {SERVED_TABLE} "
    "WHERE market_hour BETWEEN $first AND $last AND instrument_id IS NOT NULL "
    f'QUALIFY row_number() OVER (PARTITION BY {_ABOUT} ORDER BY answered_at, answer_id, "row") = 1 ORDER BY {_ABOUT}'
)


def first_answers(tables: Warehouse, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """The first answers about the hours from `first` to `last`, with the number of all of them."""
    with tables.session():
        tables.partitions(SERVED_PREDICTIONS, first, first)  # makes the table where there is none yet
        return tables.query(_FIRST, {"first": first, "last": last})


def outcomes_of_answers(
    answers: pd.DataFrame, prices: pd.DataFrame, scores_from: Mapping[str, pd.Timestamp], settings: OutcomeSettings
) -> pd.DataFrame:
    """Look up what the price did after each answer.

    Args:
        answers: As `first_answers` gives them.
        prices: As for `outcomes_of`, with those of the hours that were asked about.
        scores_from: From which hour on each version may score; answers of a version that is not among them are taken
            for in-sample, as nothing says what it has seen.
        settings: As for `outcomes_of`.

    Returns:
        SERVED_OUTCOMES, a row for every answer. Without a price at its hour it is unresolved.

    Raises:
        InvalidRows: An instrument has two prices for one hour.
    """
    if answers.empty:
        return SERVED_OUTCOMES.empty()
    rows = answers.rename(columns={"market_hour": "hour"}).merge(prices, on=["hour", "instrument_id"], how="left")
    found = outcomes_of(rows, prices, settings)
    unknown = rows["price"].isna()
    found.loc[unknown, "outcome"] = UNRESOLVED
    for name in ("outcome_price", "outcome_price_hour", "change_pct", "worst_drop_pct", "crossed_at", "fall_6h_pct"):
        found[name] = found[name].where(~unknown)
    may_score = rows["model_version"].map(scores_from)
    outcomes = rows.assign(
        prediction_hour=rows["hour"],
        hour=rows["hour"] + settings.horizon_hours * HOUR,
        in_sample=may_score.isna() | (rows["hour"] < may_score),
        **found,
    )
    return outcomes[list(SERVED_OUTCOMES.columns)]


def as_measured(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Rows of SERVED_OUTCOMES under the names by which they are measured beside scheduled predictions."""
    return outcomes.assign(model_version=served_version("") + outcomes["model_version"])  # text, without rows, too
