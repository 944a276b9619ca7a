"""What the page of the data shows: assets with their partitions and freshness, tables, and frozen datasets."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.core.names import ASSETS, DATASET_ASSETS
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.pages.data.stored import Stored, stored
from mlreg_dagster.pages.paging import ListPage, list_page
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.artifacts import ArtifactError

_DATASETS = 20
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class AssetLine:
    """An asset by hour or by day.

    Attributes:
        asset: Its name.
        is_hourly: Whether its partitions are hours; days otherwise.
        partitions: How many hours or days have rows, or are frozen.
        newest: The newest of them, as its key; None: there is none.
        age_hours: From its end to the time that is asked about.
        materialized: Partitions that Dagster knows runs of; None: not known.
        failed: Partitions that failed the last time; None: not known.
        missing: Partitions without a run; None: not known.
    """

    asset: str
    is_hourly: bool
    partitions: int
    newest: str | None
    age_hours: float | None
    materialized: int | None
    failed: int | None
    missing: int | None


@dataclass(frozen=True)
class DatasetLine:
    """The two frozen files of a day.

    Attributes:
        day: Which day.
        training_sha256: The hash of the training dataset; None: there is none.
        holdout_sha256: That of the holdout.
        versions: The versions that were trained on it.
        problem: What is damaged; None: nothing that shows without reading the files.
    """

    day: str
    training_sha256: str | None
    holdout_sha256: str | None
    versions: tuple[str, ...]
    problem: str | None = None


@dataclass(frozen=True)
class DataFacts:
    """The stored data.

    Attributes:
        mirrored_at: When the tables were last written for readers.
        assets: By hour and by day, in the order in which data pass through them.
        tables: All tables.
        datasets: The newest first; a page of them.
        page: Which page.
        why: Why Dagster's numbers are not known; None: they are.
    """

    mirrored_at: datetime | None
    assets: tuple[AssetLine, ...]
    tables: tuple[Stored, ...]
    datasets: tuple[DatasetLine, ...]
    page: ListPage
    why: str | None


def facts(view: View) -> DataFacts:
    """Everything that the page shows; of the past, what was stored of hours up to then."""
    tables = stored(view)
    days = dataset_days(view)
    every_day = sorted({*days[TRAINING], *days[HOLDOUT]}, reverse=True)
    shown, page = list_page(every_day, view.query.get("page"), _DATASETS)
    by_name = {each.table: each for each in tables}
    lines = tuple(
        _line(view, asset, by_name.get(asset), days.get(asset, []))
        for asset in ASSETS
        if asset in by_name or asset in DATASET_ASSETS
    )
    datasets = tuple(_dataset(view, day) for day in shown)
    return DataFacts(view.mirrored_at, lines, tables, datasets, page, view.dagster.why)


def dataset_days(view: View) -> dict[str, list[str]]:
    """By kind the days whose dataset is frozen, of those that had ended at the time that is asked about."""
    return {
        kind: [day for day in view.artifacts.keys(kind) if as_hour(day) + _DAY <= view.as_of] for kind in DATASET_ASSETS
    }


def _line(view: View, asset: str, table: Stored | None, days: list[str]) -> AssetLine:
    dagster = view.dagster.partitions(asset)
    known = (dagster.materialized, dagster.failed, dagster.missing)
    if table is None:
        ended = as_hour(days[-1]) + _DAY if days else None
        return AssetLine(asset, False, len(days), days[-1] if days else None, _hours(view, ended), *known)
    is_hourly = table.partitioned_by == "hour"
    form = "%Y-%m-%d-%H:%M" if is_hourly else "%Y-%m-%d"
    newest = None if table.newest is None else f"{table.newest:{form}}"
    return AssetLine(asset, is_hourly, table.partitions or 0, newest, _hours(view, table.ended), *known)


def _hours(view: View, ended: datetime | None) -> float | None:
    return None if ended is None else max((view.as_of - ended).total_seconds() / 3600, 0.0)


def _dataset(view: View, day: str) -> DatasetLine:
    versions = tuple(each.version for each in records(view).versions() if each.dataset_day == day)
    try:
        training, holdout = (view.artifacts.find(kind, day) for kind in (TRAINING, HOLDOUT))
    except ArtifactError as error:
        return DatasetLine(day, None, None, versions, str(error))
    return DatasetLine(day, training.sha256 if training else None, holdout.sha256 if holdout else None, versions)
