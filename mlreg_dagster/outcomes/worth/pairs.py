"""Pairs: the predictions of a version and of an opponent for the same hour and instrument."""

import pandas as pd

from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.storage.warehouse.tables import InvalidRows

KEY = ["prediction_hour", "instrument_id"]


def paired(outcomes: pd.DataFrame, version: str, opponent: str) -> pd.DataFrame:
    """One row an hour and instrument that both predicted, resolved, in-sample for neither.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES; those of other versions don't matter.
        version: The version in question.
        opponent: Another version, or a ranking.

    Returns:
        prediction_hour, instrument_id, `crash`, `flag` and `score` of the version, `opponent_flag` and
        `opponent_score`, ordered by hour and instrument.

    Raises:
        InvalidRows: One of them has predicted the same twice, or the two have different outcomes for the same.
    """
    own = _usable(outcomes, version)
    other = _usable(outcomes, opponent)
    pairs = own.merge(other, on=KEY, suffixes=("", "_of_opponent"), sort=True)
    if bool((pairs["crash"] != pairs["crash_of_opponent"]).any()):
        row = pairs[pairs["crash"] != pairs["crash_of_opponent"]].iloc[0]
        raise InvalidRows(
            f"prediction_outcomes: {version} and {opponent} have different outcomes for {row['instrument_id']} at "
            f"{row['prediction_hour']}. They are not compared. Materialize prediction_outcomes for that hour again."
        )
    return pairs.rename(columns={"flag_of_opponent": "opponent_flag", "score_of_opponent": "opponent_score"}).drop(
        columns="crash_of_opponent"
    )


def _usable(outcomes: pd.DataFrame, version: str) -> pd.DataFrame:
    rows = outcomes[outcomes["model_version"] == version]
    twice = rows.duplicated(KEY)
    if bool(twice.any()):
        row = rows[twice].iloc[0]
        raise InvalidRows(
            f"prediction_outcomes: {version} has two predictions for {row['instrument_id']} at "
            f"{row['prediction_hour']}. It is not compared. Materialize predictions for that hour again."
        )
    known = rows[~rows["in_sample"] & (rows["outcome"] != UNRESOLVED)]
    return known[KEY].assign(
        crash=known["outcome"] == CRASH, flag=known["is_anomaly"].astype(bool), score=known["score"]
    )
