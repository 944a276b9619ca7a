"""Market sources: one interface, one module a source, loaded when it is chosen. Plug-ins register theirs."""

from collections.abc import Callable

from mlreg_dagster.config import ConfigError, IngestSettings
from mlreg_dagster.extensions.sources import SOURCES
from mlreg_dagster.market.sources.base import MarketSource
from mlreg_dagster.storage.landing import LandingZone

__all__ = ["MarketSource", "make_source"]


def make_source(settings: IngestSettings, landing: LandingZone) -> MarketSource:
    """The source that `ingest.yaml` names.

    Args:
        settings: Which source, how many instruments, and the block of the source.
        landing: Where a live source keeps its payloads.

    Raises:
        ConfigError: There is no such source, or it does not take the parameters.
        MlregError: The block of the chosen source can't be used.
    """
    if settings.source in _BUILT_IN:
        return _BUILT_IN[settings.source](settings, landing)
    own = SOURCES.get(settings.source)
    if own is None:
        raise ConfigError(
            f"ingest.yaml: source: there is no source {settings.source!r}; allowed are {', '.join(SOURCES.names)}. If "
            f"a plug-in brings it, install that, or name its module in extensions.yaml."
        )
    try:
        made: MarketSource = own(universe=settings.universe, landing=landing, **settings.params)
    except TypeError as error:
        raise ConfigError(
            f"ingest.yaml: params: {settings.source} of {SOURCES.plugin(settings.source)}: {error}."
        ) from error
    return made


def _simulated(settings: IngestSettings, landing: LandingZone) -> MarketSource:  # noqa: ARG001 - it lands nothing
    from mlreg_dagster.market.sources.simulated.source import SimulatedMarket

    return SimulatedMarket(settings.simulated, settings.universe)


def _archive(settings: IngestSettings, landing: LandingZone) -> MarketSource:  # noqa: ARG001 - it lands nothing
    from mlreg_dagster.market.sources.archive.source import Archive

    return Archive(settings.archive, settings.universe)


def _coingecko(settings: IngestSettings, landing: LandingZone) -> MarketSource:
    from mlreg_dagster.market.sources.coingecko.source import CoinGecko

    return CoinGecko(settings.coingecko, settings.universe, landing)


_BUILT_IN: dict[str, Callable[[IngestSettings, LandingZone], MarketSource]] = {
    "simulated": _simulated,
    "archive": _archive,
    "coingecko": _coingecko,
}
