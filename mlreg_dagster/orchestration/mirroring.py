"""Mirrors the newest hour after a step has stored it; a mirror that can't be written costs no hour."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import hour_key


def mirrored(context: dg.AssetExecutionContext, write: Callable[[], datetime | None]) -> str:
    """Write the mirror.

    The rows are stored already, and the next hour writes the mirror again: a store that can't be reached is logged as
    an error, and shows in `mlreg doctor` and in the server's answers by the age of the hour.

    Args:
        context: Of the step that has stored the rows.
        write: Writes the mirror; gives the hour, or None where it was left to the writer of a newer one.

    Returns:
        The outcome, for the metadata of the step.
    """
    try:
        hour = write()
    except MlregError as error:
        context.log.error(f"The rows are stored. The mirror of the newest hour is as it was: {error}")
        return f"not written: {error}"
    return "unchanged" if hour is None else hour_key(hour)
