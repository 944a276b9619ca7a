"""The worth of a version by what model_worth has on record, for those that decide or show it."""

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.names import CRASH
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.daily import NO_CRASHES, crashes_by_version, worth_as_of
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.outcomes.worth.verdict import Worth
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DAY = pd.Timedelta(days=1)


def worth_on_record(tables: Warehouse, version: str, as_of: pd.Timestamp, settings: OutcomeSettings) -> Worth:
    """The verdict on a version, or on the champions as one (`champion`), from the days that were counted.

    Args:
        tables: Where model_worth and the outcomes are.
        version: The version, or `champion`.
        as_of: When it is asked; days that ended later do not count.
        settings: What a verdict needs.
    """
    day = as_of.floor("D") - _DAY
    with tables.session():
        counted = tables.read(MODEL_WORTH, None, day)
        crashes = crashes_of_versions(tables, day + 23 * HOUR)
    return worth_as_of(counted, crashes_by_version(crashes).get(version, NO_CRASHES), version, day, settings)


def crashes_of_versions(tables: Warehouse, last_hour: pd.Timestamp) -> pd.DataFrame:
    """The crashes among the outcomes of all versions that are due by an hour; those of rankings are left out."""
    tables.newest(PREDICTION_OUTCOMES)  # the table is there from now on
    return tables.query(
        f"SELECT hour, prediction_hour, instrument_id, model_version, role, in_sample, outcome "  # noqa: S608
        f"FROM {PREDICTION_OUTCOMES.name} WHERE outcome = $crash AND role <> $ranking AND hour <= $last",
        {"crash": CRASH, "ranking": RANKING, "last": last_hour},
    )
