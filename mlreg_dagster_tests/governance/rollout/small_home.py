"""A home with a rollout, its market and its servers' counts, looked at and moved at a time of one's choice."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.governance.policy.track_record import governance_by
from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.looking import look
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.storage.rollout_counts import SUFFIX, counts_folder, line_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.governance.promotion.builders import NOW
from mlreg_dagster_tests.governance.rollout.rolling import AUTOMATION, started

OPENED = NOW.ceil("h")
DAY = 24 * HOUR
INSTRUMENTS = 20
STEPS = ("shadow", "canary_50")


def settings_of(promotion=None, **policy):
    """No server is asked, outcomes are, and there are two steps; or as named."""
    rollout = {"min_requests": 0, "steps": STEPS, "max_hold_hours": 600.0, "require_not_worse": True} | policy
    return Settings(promotion={"low": {"rollout": rollout}} | (promotion or {}))


class Home:
    def __init__(self, registry, store, folder, settings):
        self.registry, self.store, self.folder, self.settings = registry, store, folder, settings
        self.tables = DuckDBWarehouse(folder / "warehouse.duckdb")

    def start(self, now=NOW, actor="bob"):
        return started(self.registry, self.store, governance=self.governance(), now=now, actor=actor)

    def governance(self):
        return governance_by(self.settings, self.tables, self.store)

    def look(self, now, *, with_bytes=False):
        store = self.store if with_bytes else None
        return look(self.registry, self.tables, self.folder, self.settings, "champion", now, store=store)

    def step(self, now):
        by = replace(AUTOMATION, time=now)
        return control.step(self.registry, self.store, self.governance(), self.look(now), by)

    def run(self, *days):
        """Look on some days, and do what is called for: the state of each change and its day."""
        for day in days:
            found = self.look(OPENED + day * DAY)
            if found is not None and found.calls_for_step:
                self.step(OPENED + day * DAY)
        changes = self.registry.traffic_history("champion")
        return [(each.state, (pd.Timestamp(each.effective_at) - NOW) // DAY) for each in changes]

    def count(self, *periods):
        event = self.registry.traffic("champion")
        folder = counts_folder(self.folder, "champion", event.rollout)
        folder.mkdir(parents=True, exist_ok=True)
        for each in periods:
            with (folder / f"{each.process}{SUFFIX}").open("ab") as file:
                file.write(line_of(each))

    def predict(self, hours, *, first=OPENED, resolved=True, versions=("v1", "v2"), flags=None, **changes):
        """Predictions from an hour on, and their outcomes; both flag alike, and some crashes, but for `flags`."""
        random = np.random.default_rng(7)
        crash = random.random((hours, INSTRUMENTS)) < 0.05
        alike = np.where(crash, random.random(crash.shape) < 0.5, random.random(crash.shape) < 0.05)
        rows = pd.concat(
            [
                _rows(first, version, crash, (flags or {}).get(version, lambda _, a: a)(crash, alike))
                for version in versions
            ],
            ignore_index=True,
        ).assign(**changes)
        self.tables.write(PREDICTIONS, rows[list(PREDICTIONS.columns)], rows["hour"].unique())
        if resolved:
            outcomes = rows.assign(prediction_hour=rows["hour"], hour=rows["hour"] + DAY)
            outcomes = outcomes.reindex(columns=list(PREDICTION_OUTCOMES.columns))
            outcomes = outcomes.astype(PREDICTION_OUTCOMES.empty().dtypes)
            self.tables.write(PREDICTION_OUTCOMES, outcomes, outcomes["hour"].unique())


def _rows(first, version, crash, flagged):
    hours, instruments = crash.shape
    flagged = np.broadcast_to(flagged, crash.shape)
    return pd.DataFrame(
        {
            "hour": pd.DatetimeIndex(first + np.repeat(np.arange(hours), instruments) * HOUR).as_unit("us"),
            "instrument_id": np.tile([f"i{number:02}" for number in range(instruments)], hours),
            "model_version": version,
            "role": "champion" if version == "v1" else "challenger",
            "score": np.where(flagged, 2.0, 0.5).ravel(),
            "threshold": 1.0,
            "is_anomaly": flagged.ravel(),
            "in_sample": False,
            "price": 1.0,
            "artifact_sha256": "0" * 64,
            "outcome": np.where(crash, "crash", "no_crash").ravel(),
        }
    )
