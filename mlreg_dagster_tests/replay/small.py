"""A market that begins a day before the replays do, and trains on that day alone: what comes before is not replayed."""

import pandas as pd

from mlreg_dagster_tests import location
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE

SMALL = {
    "ingest": {**CONFIGS["ingest"], "start": (LIVE - pd.Timedelta(days=1)).isoformat()},
    "datasets": location.CONFIGS["datasets"],
    "evaluation": {**location.CONFIGS["evaluation"], "comparison": {"refits": 0}},
}
"""Configs of such a lifecycle."""
