"""Runs every read-only check of a home."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.operations.doctor.backups import backups_are_recent
from mlreg_dagster.operations.doctor.changed_hours import frozen_hours_are_unchanged
from mlreg_dagster.operations.doctor.files import (
    every_object_belongs_to_a_bundle,
    nothing_is_left_behind,
    payloads_can_be_read,
    prediction_log_is_stored,
    there_is_room,
)
from mlreg_dagster.operations.doctor.lake import LAKE, lake_is_sound
from mlreg_dagster.operations.doctor.materializations import Made
from mlreg_dagster.operations.doctor.parquet_mirror import tables_are_mirrored
from mlreg_dagster.operations.doctor.registry_records import registry_is_sound
from mlreg_dagster.operations.doctor.warehouse_tables import tables_are_sound
from mlreg_dagster.operations.home import Home
from mlreg_dagster.operations.mirror import mirror_follows
from mlreg_dagster.operations.retention.future_hours import no_payload_is_ahead


def examine(home: Home, settings: Settings, now: pd.Timestamp, made: Made | None = None) -> list[Finding]:
    """Every check but those of Dagster's own storage; see `orchestration.instance.cleanup`.

    Args:
        home: What to look at; its warehouse's timeout bounds the wait for a process that keeps the file.
        settings: What the tables should look like.
        now: The machine's time.
        made: What runs made, by Dagster's event log; None where there is no such log.
    """
    if not home.folder.is_dir():
        advice = "mlreg demo makes one; or let MLREG_HOME name the one that you mean."
        return [Finding("home", "miss", f"There is no home in {home.folder}.", advice)]
    lake = list(lake_is_sound(home, now))
    if any(each.name == LAKE and each.state == "miss" for each in lake):  # all that asks for tables would say the same
        return [*lake, payloads_can_be_read(home), nothing_is_left_behind(home, now), there_is_room(home)]
    return [
        *tables_are_sound(home, settings, now, made),
        *lake,
        *mirror_follows(home, settings),
        *tables_are_mirrored(home),
        *registry_is_sound(home, now, made),
        *backups_are_recent(home, made),
        *frozen_hours_are_unchanged(home),
        payloads_can_be_read(home),
        no_payload_is_ahead(home, now),
        *prediction_log_is_stored(home, now),
        nothing_is_left_behind(home, now),
        *every_object_belongs_to_a_bundle(home, now),
        there_is_room(home),
    ]


def registered_versions(home: Home) -> set[str]:
    """The names of all versions; none where the registry is not there or can't be read, which `examine` reports."""
    if home.registry_file is not None and not home.registry_file.exists():
        return set()
    try:
        return {version.version for version in home.registry.versions()}
    except MlregError:
        return set()
