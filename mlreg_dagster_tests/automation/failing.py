"""Markets that can't be had at some hours, and a model that can't be trained."""

from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.market.sources.base import MalformedPayload, SourceUnavailable
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket


class BrokenMarket(SimulatedMarket):
    """A simulated market that can't be had at some hours."""

    broken = hour_range(as_hour("2026-01-02T02:00"), as_hour("2026-01-02T03:00"))
    error = MalformedPayload

    def _rows(self, hours, now):
        if hours.isin(self.broken).any():
            raise self.error("the payload of coin 7 lacks its price")
        return super()._rows(hours, now)


class SilentMarket(BrokenMarket):
    error = SourceUnavailable


NOT_TRAINABLE = {"model": {"detector": "local_outlier_factor", "params": {"n_neighbors": 10**6}}}
