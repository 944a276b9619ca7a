"""Many processes that write hours of one table at once, for tests and benchmarks."""

import multiprocessing
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.warehouse.lake import Lake
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows


@dataclass(frozen=True)
class Outcome:
    """The outcome of the writes.

    Attributes:
        seconds: How long each write took, ascending.
        errors: Those of the writers, in words.
        duplicates: Rows that are stored more than once.
        lost: Rows that were written and are not stored.
        elapsed_s: From the first write to the last.
    """

    seconds: list[float]
    errors: list[str]
    duplicates: int
    lost: int
    elapsed_s: float

    @property
    def is_whole(self) -> bool:
        """Whether each row is stored once, and no writer failed."""
        return not (self.errors or self.duplicates or self.lost)

    def percentile_ms(self, share: float) -> float:
        """How long a write took, ms."""
        return 1000 * self.seconds[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


def race(url: str, processes: int, hours: int, *, same: bool, names: int = 250, locked: bool = True) -> Outcome:
    """Let processes write at once, each a number of hours.

    Args:
        url: Of a lake.
        processes: How many.
        hours: How many hours each of them writes.
        same: Whether all write the same hours, else each its own.
        names: Rows in each hour.
        locked: Whether writers keep the table's lock.
    """
    READINGS.validate(rows([FIRST]))  # what is imported for it is there in all processes
    spans = [
        [FIRST + (number + (0 if same else writer * hours)) * HOUR for number in range(hours)]
        for writer in range(processes)
    ]
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(processes), context.Queue()
    writers = [context.Process(target=_write, args=(url, span, names, locked, barrier, answers)) for span in spans]
    for writer in writers:
        writer.start()
    told = [answers.get(timeout=600) for _ in writers]
    for writer in writers:
        writer.join()
    written = {hour for span in spans for hour in span}
    stored = warehouse_of(url).read(READINGS, min(written), max(written))
    distinct = len(stored.drop_duplicates(["hour", "name"]))
    return Outcome(
        seconds=sorted(second for seconds, *_ in told for second in seconds),
        errors=[error for _, errors, *_ in told for error in errors],
        duplicates=len(stored) - distinct,
        lost=len(written) * names - distinct,
        elapsed_s=max(end for *_, end in told) - min(start for _, _, start, _ in told),
    )


def _write(url: str, hours: Sequence[pd.Timestamp], names: int, locked: bool, barrier: Any, answers: Any) -> None:
    if not locked:
        setattr(Lake, "writing", lambda _self, _table: nullcontext())  # noqa: B010
    warehouse = warehouse_of(url)
    seconds, errors = [], []
    frames = [READINGS.validate(rows([hour], names)) for hour in hours]
    with warehouse.connect():  # the lake is attached
        barrier.wait(timeout=300)
    start = time.time()
    for hour, frame in zip(hours, frames, strict=True):
        began = time.perf_counter()
        try:
            warehouse.write(READINGS, frame, [hour])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            errors.append(f"{type(error).__name__}: {error}")
        seconds.append(time.perf_counter() - began)
    answers.put((seconds, errors, start, time.time()))
