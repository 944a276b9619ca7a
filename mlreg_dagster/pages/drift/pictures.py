"""The picture of the states of drift."""

import pandas as pd

from mlreg_dagster.monitoring.response.plots import state_timeline


def states_picture(days: tuple[tuple[pd.Timestamp, str, str], ...]) -> str:
    """A picture of days, the first one first.

    Args:
        days: Midnight, state and action of each.
    """
    return state_timeline(pd.DataFrame(list(days), columns=["day", "state", "action"]))
