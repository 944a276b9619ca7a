"""Where the market comes from: one interface, one module a source, loaded when it is chosen."""

from mlreg_dagster.config import IngestSettings
from mlreg_dagster.market.sources.base import MarketSource
from mlreg_dagster.storage.landing import LandingZone


def make_source(settings: IngestSettings, landing: LandingZone) -> MarketSource:
    """The source that `ingest.yaml` names.

    Args:
        settings: Which source, how many instruments, and the block of the source.
        landing: Where a live source keeps its payloads.

    Raises:
        MlregError: The block of the chosen source can't be used.
    """
    if settings.source == "simulated":
        from mlreg_dagster.market.sources.simulated.source import SimulatedMarket

        return SimulatedMarket(settings.simulated, settings.universe)
    if settings.source == "archive":
        from mlreg_dagster.market.sources.archive.source import Archive

        return Archive(settings.archive, settings.universe)
    from mlreg_dagster.market.sources.coingecko.source import CoinGecko

    return CoinGecko(settings.coingecko, settings.universe, landing)
