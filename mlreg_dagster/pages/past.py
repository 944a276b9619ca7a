"""Opens what a view asks about for functions that know no views: as of its time, and outside of its request."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.as_of import RegistryAsOf
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse


def records(view: View) -> Registry:
    """The registry as of the time that is asked about."""
    return RegistryAsOf(view.registry, view.as_of) if view.is_past else view.registry


@contextmanager
def own_tables(view: View) -> Iterator[ReadOnlyWarehouse]:
    """The tables as of the time that is asked about, opened again: they may be used after the request has ended."""
    with MirrorReader(view.home).tables() as tables:
        yield ReadOnlyWarehouse(tables, view.as_of if view.is_past else None)


def known_state(view: View) -> tuple[object, ...]:
    """Everything of a view that a result of its registry and tables depends on; results are kept for an hour."""
    hour = view.now.replace(minute=0, second=0, microsecond=0)
    return (
        view.home,
        view.registry.audit_head(),
        view.mirrored_at,
        view.as_of if view.is_past else None,
        hour,
    )
