"""The code location: the graph of mlreg-dagster, merged with the assets, checks and jobs of this project."""

import dagster as dg

from mlreg_dagster import build_definitions
from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.private_files import keep_private


@dg.asset(
    deps=["predictions"],
    group_name="own",
    description="The ten instruments that the champion flagged most often. An example: change it, or remove it.",
)
def watchlist(mlreg_warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Count the flags of every instrument over all hours that were scored."""
    rows = mlreg_warehouse.open().read(PREDICTIONS, columns=["instrument_id", "role", "is_anomaly"])
    flagged = rows[rows["is_anomaly"] & (rows["role"] == "champion")]
    counts = flagged["instrument_id"].value_counts().head(10)
    table = counts.rename_axis("instrument").reset_index(name="hours flagged").to_markdown(index=False)
    return dg.MaterializeResult(metadata={"watchlist": dg.MetadataValue.md(table), "hours_flagged": int(counts.sum())})


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and the dagster CLI load."""
    keep_private()  # what these processes write is for their user alone
    return dg.Definitions.merge(build_definitions(), dg.Definitions(assets=[watchlist]))
