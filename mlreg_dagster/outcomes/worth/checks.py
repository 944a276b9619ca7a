"""The asset check of model_worth: whether the champions are worth having."""

import dagster as dg

from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.storage.warehouse.reader import Tables

CHAMPIONS_WORTH = "champions_are_worth_having"
"""The name of the check."""


def build_worth_check() -> dg.AssetChecksDefinition:
    """The check on model_worth."""

    @dg.asset_check(
        asset="model_worth",
        name=CHAMPIONS_WORTH,
        description="By their matured outcomes the champions are not worse than the best simple ranking. What can't be "
        "told apart yet is a warning. Looks at the newest verdict, whatever days its run has written.",
    )
    @retried
    def champions_are_worth_having(mlreg_warehouse: WarehouseResource) -> dg.AssetCheckResult:
        warehouse = mlreg_warehouse.open()
        with warehouse.connect() as connection:
            rows = newest_worth(Tables(connection, "the warehouse"))
        row = next((each for each in rows if each["model_version"] == "champion"), None)
        if row is None:
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description="Not known: no outcome of a champion could be held against a simple ranking yet.",
            )
        numbers = ("precision", "opponent_precision", "precision_difference", "weeks", "independent_episodes")
        return dg.AssetCheckResult(
            passed=row["worth"] in ("better", "not worse"),
            severity=dg.AssetCheckSeverity.ERROR if row["worth"] == "worse" else dg.AssetCheckSeverity.WARN,
            description=row["sentence"],
            metadata={
                "as_of": row["as_of"],
                "worth": row["worth"],
                "ranking": row["opponent"],
                **{name: float(row[name]) for name in numbers if row[name] is not None},
            },
        )

    return champions_are_worth_having
