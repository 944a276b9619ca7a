"""One asset check a family: of the newest day, nothing is out of its limits. What is not known never passes."""

from collections.abc import Callable

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.warehouse.tables import Table

DATA_IN_ORDER = "data_are_in_order"
"""The name of the check on data quality."""

Verdict = tuple[bool, str]
"""Whether it passes, and why."""

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def build_drift_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks on the four families."""
    return [
        _check(
            DATA_QUALITY_DRIFT,
            DATA_IN_ORDER,
            "No measure of the newest day is beyond its limit; a severe one is an error.",
            _quality,
        ),
        _check(
            FEATURE_DRIFT,
            "features_are_usual",
            "No feature of the newest day stands out from quiet days. Too few quiet days are a warning.",
            lambda rows: _features(rows, settings),
        ),
        _check(
            PREDICTION_DRIFT,
            "flags_are_within_limits",
            "On the newest day the champion flagged a share within its limits. Too few rows to tell are a warning.",
            _predictions,
        ),
        _check(
            CONCEPT_DRIFT,
            "champion_is_not_worse",
            "By matured outcomes the champion has not become worse. What can't be told yet is a warning.",
            _concept,
        ),
    ]


def _check(
    table: Table, name: str, description: str, judge: Callable[[pd.DataFrame], Verdict]
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=table.name, name=name, description=f"{description} Looks at the newest day on record.")
    @retried
    def family_check(mlreg_warehouse: WarehouseResource) -> dg.AssetCheckResult:
        with mlreg_warehouse.open().session() as tables:
            newest = tables.newest(table)
            rows = table.empty() if newest is None else tables.read(table, newest, newest)
        if newest is None:
            return dg.AssetCheckResult(passed=False, severity=_WARN, description="Not known: no day is on record yet.")
        passed, text = judge(rows)
        is_severe = table is DATA_QUALITY_DRIFT and bool((rows["quality"] == "severe").any())
        return dg.AssetCheckResult(
            passed=passed,
            severity=_ERROR if is_severe else _WARN,
            description=f"{newest:%Y-%m-%d}: {text}",
            metadata={"day": f"{newest:%Y-%m-%d}"},
        )

    return family_check


def _quality(rows: pd.DataFrame) -> Verdict:
    from mlreg_dagster.monitoring.drift.families.quality import reasons_of

    reasons = reasons_of(rows)
    return not reasons, "; ".join(reasons) or "no measure is beyond its limits."


def _features(rows: pd.DataFrame, settings: Settings) -> Verdict:
    from mlreg_dagster.monitoring.drift.families.feature import arms_of, limits_of

    limits = limits_of(settings.drift.detection)
    arms = arms_of(rows, limits).iloc[0]
    quiet_days = int(rows["quiet_days"].max())
    if not arms["enough"]:
        return False, f"not known, with {quiet_days} quiet days of {limits.least}, or hours or instruments missing."
    return not arms["reason"], arms["reason"] or f"nothing stands out from {quiet_days} quiet days."


def _predictions(rows: pd.DataFrame) -> Verdict:
    row = rows[rows["is_newest"]].iloc[0]
    return row["state"] == "within", f"{row['sentence']}: {row['state']}."


def _concept(rows: pd.DataFrame) -> Verdict:
    deciding = rows[rows["decides"]].iloc[0]
    return deciding["verdict"] == "same", f"{deciding['sentence']}."
