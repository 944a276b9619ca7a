"""The table of a replay. `replay.policies` writes it; what describes tables reads it from here."""

from mlreg_dagster.outcomes.schema import MIDNIGHT
from mlreg_dagster.storage.warehouse.column_checks import NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import UTC, Table, column

REPLAY_POLICIES = Table(
    name="replay_policies",
    description="Which version each compared policy of a replay would have had as champion from a day on.",
    key=("day", "policy"),
    columns={
        "day": column(UTC, "The midnight that begins the period, UTC.", MIDNIGHT),
        "policy": column(str, "Which policy, and of which model file where it is about one.", NOT_EMPTY),
        "model_version": column(str, "The version that would have been champion.", NOT_EMPTY),
    },
)
