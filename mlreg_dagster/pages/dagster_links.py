"""Addresses in the Dagster UI."""

from collections.abc import Callable
from urllib.parse import quote


def asset_link(url: str | None) -> Callable[..., str | None]:
    """Gives the address of an asset, or of a partition of it; None where no UI is known."""

    def link(asset: str, partition: str | None = None) -> str | None:
        if url is None:
            return None
        address = f"{url.rstrip('/')}/assets/{quote(asset)}"
        return address if partition is None else f"{address}?view=partitions&partition={quote(partition, safe='')}"

    return link


def run_link(url: str | None) -> Callable[[str], str | None]:
    """Gives the address of a run; None where no UI is known."""
    return lambda run_id: None if url is None else f"{url.rstrip('/')}/runs/{quote(run_id, safe='')}"
