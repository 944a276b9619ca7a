"""The asset check of drift_decision: whether anything drifts."""

import json

import dagster as dg

from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.warehouse.reader import Tables

NO_DRIFT = "no_drift"
"""The name of the check."""

_COLUMNS = ("day", "state", "family", "action", "alerts", "reasons", "champion")
_NEWEST = (
    "SELECT strftime(day AT TIME ZONE 'UTC', '%Y-%m-%d'), state, family, action, alerts, reasons, champion "
    "FROM drift_decision ORDER BY day DESC LIMIT 1"
)
_IN_WORDS = {
    "unknown": "Not known: there is too little evidence",
    "stable": "Nothing drifts",
    "cooldown": "Nothing is judged yet: a version was promoted for a drift a few days ago",
    "watch": "Something may drift, and is watched",
    "confirmed": "A drift is confirmed",
    "responding": "A drift is confirmed, and a version is trained for it",
}


def build_response_check() -> dg.AssetChecksDefinition:
    """The check on drift_decision."""

    @dg.asset_check(
        asset="drift_decision",
        name=NO_DRIFT,
        description="The newest day that was judged is stable. What is watched or not known is a warning, what pages "
        "people an error. Looks at the newest day, whatever days its run has written.",
    )
    @retried
    def no_drift(mlreg_warehouse: WarehouseResource) -> dg.AssetCheckResult:
        with mlreg_warehouse.open().connect() as connection:
            tables = Tables(connection, "the warehouse")
            rows = tables.rows(_NEWEST) if tables.has("drift_decision", _COLUMNS) else []
        if not rows:
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description="Not known: no day was judged yet."
            )
        day, state, family, action, alerts, reasons, champion = rows[0]
        told = json.loads(alerts)
        pages = any(severity == "page" for _, severity in told)
        about = f" ({family})" if family else ""
        return dg.AssetCheckResult(
            passed=state == "stable" and not told,
            severity=dg.AssetCheckSeverity.ERROR if pages else dg.AssetCheckSeverity.WARN,
            description=f"{day}: {_IN_WORDS[state]}{about}. {reasons}".strip(),
            metadata={
                "as_of": day,
                "state": state,
                "action": action,
                "champion": champion or "nobody",
                "alerts": ", ".join(f"{rule} ({severity})" for rule, severity in told) or "none",
            },
        )

    return no_drift
