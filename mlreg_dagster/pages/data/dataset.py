"""What the page of a frozen dataset shows: its two files, verified against their hashes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import as_hour, hours_since_epoch
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, load
from mlreg_dagster.datasets.labels import LABELS
from mlreg_dagster.datasets.low_quality import LEFT_OUT, left_out_in_words
from mlreg_dagster.datasets.source_record import SOURCE
from mlreg_dagster.pages.data.pictures import coverage
from mlreg_dagster.pages.kept import Kept
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.artifacts import ArtifactError, ArtifactStore

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_KEPT: "Kept[File]" = Kept(16)


@dataclass(frozen=True)
class File:
    """A frozen file of rows.

    Attributes:
        kind: training_dataset or eval_holdout.
        sha256: Its hash; the rows were verified against it.
        problem: Why it can't be shown: damaged, or not what was frozen; None: it can.
        first_hour: The first hour of its window.
        end: The hour that ends the window.
        rows: How many it holds.
        columns: Their names, in order.
        instruments: Rows by instrument.
        hours: Rows by hour of the window, from the first on.
        instruments_left_out: Those that were seen too seldom.
        feature_fingerprint: Of the settings of its features.
        source: What it came from, as it was recorded when it was frozen; None: an older release froze it.
        low_quality: What was left out for low quality, in words.
        left_out: The same as facts; None: nothing was.
        labels: What its labelled rows are; None: it has none.
        picture: Instruments by hours, as Markdown.
    """

    kind: str
    sha256: str
    problem: str | None = None
    first_hour: datetime | None = None
    end: datetime | None = None
    rows: int = 0
    columns: tuple[str, ...] = ()
    instruments: Mapping[str, int] = field(default_factory=dict)
    hours: tuple[int, ...] = ()
    instruments_left_out: tuple[str, ...] = ()
    feature_fingerprint: str | None = None
    source: Mapping[str, Any] | None = None
    low_quality: str = ""
    left_out: Mapping[str, Any] | None = None
    labels: Mapping[str, Any] | None = None
    picture: str | None = None


@dataclass(frozen=True)
class Use:
    """A version that was trained on the dataset.

    Attributes:
        version: Its name.
        same_bytes: Whether it names the hash that the file has now.
        status: By the evaluation that counts.
    """

    version: str
    same_bytes: bool
    status: str


@dataclass(frozen=True)
class DatasetFacts:
    """The datasets of a day.

    Attributes:
        day: Which day they end with.
        training: What versions are trained on; None: it is not frozen.
        holdout: What they are judged by; None: likewise.
        versions: Those that were trained on it.
    """

    day: str
    training: File | None
    holdout: File | None
    versions: tuple[Use, ...]


def facts(view: View, day: str) -> DatasetFacts:
    """Both files of a day.

    Raises:
        NotThere: None of them is frozen, or the day had not ended at the time that is asked about.
    """
    missing = NotThere(f"There is no dataset of {day[:40]!r}. /data lists those that there are.")
    if not _DAY.fullmatch(day):
        raise missing
    try:
        is_over = as_hour(day) + timedelta(days=1) <= view.as_of
    except ValueError as error:
        raise missing from error
    training, holdout = (_file(view.artifacts, kind, day) if is_over else None for kind in (TRAINING, HOLDOUT))
    if training is None and holdout is None:
        raise missing
    registry, bytes_now = records(view), None if training is None else training.sha256
    uses = (
        Use(each.version, each.dataset_sha256 == bytes_now, registry.status(each.version))
        for each in registry.versions()
        if each.dataset_day == day
    )
    return DatasetFacts(day, training, holdout, tuple(uses))


def _file(store: ArtifactStore, kind: str, day: str) -> File | None:
    try:
        frozen = store.find(kind, day)
    except ArtifactError as error:
        return File(kind, "", str(error))
    if frozen is None:
        return None
    of_file = kind, day, frozen.sha256
    try:
        return _KEPT.get((str(store.root), *of_file), lambda: _read(store, *of_file))
    except ArtifactError as error:
        return File(kind, frozen.sha256, str(error))


def _read(store: ArtifactStore, kind: str, day: str, sha256: str) -> File:
    dataset = load(store, kind, day, sha256)
    rows, window, lineage = dataset.rows, dataset.window, dataset.lineage
    places, found = pd.factorize(rows["instrument_id"], sort=True)
    instruments = tuple(map(str, found))
    at = hours_since_epoch(rows["hour"]) - hours_since_epoch(window.hours[:1])[0]
    left_out = lineage.get(LEFT_OUT)
    return File(
        kind,
        sha256,
        first_hour=window.first.to_pydatetime(),
        end=window.end.to_pydatetime(),
        rows=len(rows),
        columns=tuple(map(str, rows.columns)),
        instruments=dict(zip(instruments, np.bincount(places, minlength=len(instruments)).tolist(), strict=True)),
        hours=tuple(np.bincount(at, minlength=len(window.hours)).tolist()),
        instruments_left_out=tuple(lineage.get("instruments_left_out", ())),
        feature_fingerprint=lineage.get("feature_fingerprint"),
        source=lineage.get(SOURCE),
        low_quality=left_out_in_words(left_out),
        left_out=left_out,
        labels=lineage.get(LABELS),
        picture=drawn(coverage, kind, instruments, str(window), len(window.hours), tuple(places), tuple(at)),
    )
