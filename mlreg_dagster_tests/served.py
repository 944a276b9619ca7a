"""The code location that `Deployment` serves: the project's own, but with a clock and outages written in files."""

import multiprocessing
import os
from pathlib import Path

import pandas as pd

from mlreg_dagster.automation import common, rollout
from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.market.sources.base import SourceUnavailable
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.orchestration import retries
from mlreg_dagster.orchestration.instance import runs
from mlreg_dagster.orchestration.resources import Clock

FOLDER = Path(os.environ["MLREG_TEST_DEPLOYMENT"])
CLOCK, OUTAGE = FOLDER / "clock.txt", FOLDER / "outage.txt"


class WrittenClock(Clock):
    def now(self) -> pd.Timestamp:
        return Clock(fixed=CLOCK.read_text()).now()


class UnsteadySource(SimulatedMarket):
    """Does not answer while the file names hours that it is asked about: the first and the last of them."""

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:
        first, last = map(as_hour, (OUTAGE.read_text() if OUTAGE.exists() else "1970-01-01 1970-01-01").split())
        if ((hours >= first) & (hours <= last)).any():
            raise SourceUnavailable("simulated: the source does not answer. Wait until it does.")
        return super()._rows(hours, now)


if os.environ["MLREG_TEST_RUNS"] == "forked":
    multiprocessing.set_forkserver_preload(["mlreg_dagster_tests.preloaded"])
    contexts = multiprocessing.context
    contexts.SpawnProcess._Popen = staticmethod(contexts.ForkServerProcess._Popen)

# Looks cost much where several deployments share two cores, and a test waits for a few of them alone.
common.EVERY_S = rollout.EVERY_S = 10
retries.WAIT_S = 0
runs.PAUSE_AFTER_A_FAILURE = pd.Timedelta(seconds=15)

_settings = load_settings()
_source = UnsteadySource(_settings.ingest.simulated, _settings.ingest.universe)
defs = build_definitions(_settings, resources={"clock": WrittenClock(), "source": _source})
