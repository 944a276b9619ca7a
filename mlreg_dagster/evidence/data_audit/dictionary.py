"""The data dictionary: every column of every table, every feature, and the columns of frozen datasets, described.

It is read from the objects that make the tables and compute the features; nothing is described twice.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import ASSETS
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.datasets.labels import LABEL
from mlreg_dagster.evidence.data_audit.catalogue import every_table
from mlreg_dagster.extensions.features import FEATURES, Feature
from mlreg_dagster.market.features.features import features_of, features_table, lookbacks_of
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.storage.warehouse.tables import Table

_PACKAGE = "the package"
_SAY_NOTHING = {"a", "an", "and", "is", "it", "its", "of", "the", "this"}
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Entry:
    """A described column.

    Attributes:
        name: Of the column.
        type: DuckDB's.
        nullable: Whether a value may be missing.
        in_key: Whether it is part of what makes a row unique.
        description: What it holds.
        rules: What its values must be like, in words.
        unit: Of a feature; None: the description names it, or there is none.
        lookback_hours: Of a feature: how many hours before its own it depends on.
        family: Of a feature: what it measures, together with others.
        defined_by: Of a feature: the plug-in, or the package.
    """

    name: str
    type: str
    nullable: bool
    in_key: bool
    description: str
    rules: tuple[str, ...] = ()
    unit: str | None = None
    lookback_hours: int | None = None
    family: str | None = None
    defined_by: str | None = None


@dataclass(frozen=True)
class Described:
    """A described table, or the file of a frozen dataset.

    Attributes:
        name: Of the table; of a dataset its name and the file.
        kind: `table` or `dataset`.
        asset: Whose materialization writes it; None where several do.
        description: What one row is.
        key: The columns that make a row unique; the first one is the partition column.
        rules: What holds between the columns of a row, in words.
        entries: Its columns, in their order.
    """

    name: str
    kind: str
    asset: str | None
    description: str
    key: tuple[str, ...]
    rules: tuple[str, ...]
    entries: tuple[Entry, ...]


def dictionary(settings: Settings) -> tuple[Described, ...]:
    """Everything that is stored in columns; features of plug-ins are there once the plug-ins are loaded.

    Raises:
        ConfigError: The settings name a feature that no plug-in registers.
    """
    tables = tuple(_of_table(each, settings) for each in every_table(settings))
    return *tables, *_datasets(settings)


def searched(described: Iterable[Described], words: str) -> tuple[Described, ...]:
    """What holds every one of the words, in a table's name or in a column's name, unit, family or description."""
    wanted = words.casefold().split()
    found = []
    for each in described:
        entries = tuple(entry for entry in each.entries if _has(wanted, each.name, entry))
        if entries:
            found.append(Described(**{**vars(each), "entries": entries}))
    return tuple(found)


def _has(wanted: list[str], table: str, entry: Entry) -> bool:
    text = f"{table} {entry.name} {entry.description} {entry.unit or ''} {entry.family or ''}".casefold()
    return all(word in text for word in wanted)


def undescribed(described: Iterable[Described]) -> Iterator[str]:
    """Each table and column whose description does not tell a reader more than its name, in words."""
    for each in described:
        if fault := fault_of(each.name, each.description):
            yield f"{each.name}: {fault}"
        for entry in each.entries:
            if fault := fault_of(entry.name, entry.description):
                yield f"{each.name}.{entry.name}: {fault}"


def fault_of(name: str, description: str) -> str | None:
    """What is wrong with a description; None: nothing."""
    words, known = _WORD.findall(description.lower()), set(_WORD.findall(name.lower().replace("_", " ")))
    if not words:
        return "it has no description"
    if len(words) < 2 or set(words) <= known | _SAY_NOTHING:
        return f"its description says no more than its name: {description!r}"
    if not description.rstrip().endswith((".", "!")):
        return f"its description is no sentence, which ends with a full stop: {description!r}"
    return None


def _of_table(table: Table, settings: Settings) -> Described:
    asset = table.name if table.name in ASSETS else None
    entries = tuple(_entries(table, settings))
    return Described(table.name, "table", asset, table.description, table.key, tuple(table.rules), entries)


def _entries(table: Table, settings: Settings) -> Iterator[Entry]:
    features: dict[str, Feature] = {}
    lookbacks: dict[str, int] = {}
    if table.name == features_table(settings.features).name:
        features = {each.name: each for each in features_of(settings.features)}
        lookbacks = lookbacks_of(settings.features)
    for name, column in table.columns.items():
        feature = features.get(name)
        yield Entry(
            name,
            table.sql_type(name),
            column.nullable,
            name in table.key,
            column.description,
            tuple(check.error for check in column.checks),
            feature.unit if feature else None,
            lookbacks.get(name),
            (feature.family or name) if feature else None,
            _definer(name) if feature else None,
        )


def _definer(name: str) -> str:
    plugin = FEATURES.plugin(name)
    return _PACKAGE if plugin is None else str(plugin)


def _datasets(settings: Settings) -> Iterator[Described]:
    """The files of frozen datasets; their columns are those of the tables that they are selected from."""
    features = features_table(settings.features)
    rows, market = tuple(_entries(features, settings)), tuple(_entries(MARKET_SNAPSHOT, settings))
    key = features.key
    text = "Feature rows of the days before the holdout, one instrument at one hour: what versions are trained on."
    yield Described(f"{TRAINING} rows", "dataset", TRAINING, text, key, (), rows)
    if settings.datasets.label_days is not None:
        label = next(each for each in _entries(PREDICTION_OUTCOMES, settings) if each.name == LABEL)
        text = "Earlier feature rows with the outcomes on record when the dataset was frozen, to train a classifier on."
        yield Described(f"{TRAINING} labelled", "dataset", TRAINING, text, key, (), (*rows, label))
    text = "Feature rows of the last hours of the day, one instrument at one hour: what versions are judged by."
    yield Described(f"{HOLDOUT} rows", "dataset", HOLDOUT, text, key, (), rows)
    text = "The snapshots behind the holdout and its lookback, into which the evaluation plants anomalies."
    yield Described(f"{HOLDOUT} market", "dataset", HOLDOUT, text, MARKET_SNAPSHOT.key, (), market)
