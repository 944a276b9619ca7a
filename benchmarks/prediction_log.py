"""What the prediction log costs: a line before an answer leaves, and an answer on its way into the tables.

    python benchmarks/prediction_log.py [answers] [rows]

Writes answers (default: 20,000) of some rows each (default: 1) with 36 features, one after the other, as the server
does: with the write alone, and with `fsync: each` for a twentieth of them. Then stores them as `served_predictions`
does, in a process of its own whose memory is measured. Seconds of the processor count; those of the clock depend on
what else the machine does.
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config.sections.serving import PredictionLogSettings
from mlreg_dagster.serving.log.record import line_of
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.storage.prediction_log import Layout

FEATURES = tuple(f"feature_number_{number}_pct" for number in range(36))
AT = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
STORE = "store"


def answers(rows: int) -> Any:
    """Answers without end; their values differ."""
    random = np.random.default_rng(0)
    model = SimpleNamespace(version="v1", sha256="ab" * 32, features=FEATURES)
    served = SimpleNamespace(model=model, alias="champion", sequence=1, name="champion")
    threshold = SimpleNamespace(value=0.6, policy="fixed_share", hour=None, source="training")
    instruments, hours = tuple(f"coin-{number}" for number in range(rows)), ("2026-01-05-11:00",) * rows
    while True:
        X, scores = random.normal(size=(rows, len(FEATURES))), random.random(rows)
        yield SimpleNamespace(
            served=served, answer_id=uuid4().hex, request_id=uuid4().hex, answered_at=AT, instruments=instruments,
            hours=hours, X=X, scores=scores, flags=scores > threshold.value, threshold=threshold,
            quantiles=scores, knowledge_age_seconds=0.1, stale=False,
        )  # fmt: skip


def timed(work: Any, given: list[Any]) -> tuple[float, float]:
    """Seconds of the processor and of the clock, for each of them."""
    clock, processor = time.perf_counter(), time.process_time()
    for each in given:
        work(each)
    return (time.process_time() - processor) / len(given), (time.perf_counter() - clock) / len(given)


def store(folder: Path) -> None:
    """Store what is sealed, and say what it took."""
    from mlreg_dagster.serving.log.compaction import compact
    from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, processor = time.perf_counter(), time.process_time()
    compact(Layout(folder / "served"), DuckDBWarehouse(folder / "w.duckdb"), [AT.replace(minute=0)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(time.process_time() - processor, time.perf_counter() - clock, before, peak)


def main(count: int, rows: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), answers(rows)
        table = Table("", "CPU", "clock", title=f"{count:,} answers of {rows} rows")

        def add(what: str, seconds: tuple[float, float]) -> None:
            table.add_row(what, *(f"{1e6 * each:,.1f} µs" for each in seconds))

        given = [next(source) for _ in range(min(count, 20_000))]
        add("a line is made", timed(lambda each: line_of(each, 0.001, "mlflow", None), given))
        for fsync, some in (("never", given), ("each", given[: max(1, len(given) // 20)])):
            settings = PredictionLogSettings(fsync=fsync, slow_seconds=60, segment_bytes=1 << 32)
            log = PredictionLog(folder / ("served" if fsync == "never" else "synced"), settings)
            add(f"it is made and written, fsync {fsync}", timed(log.append, some))
            for _ in range(count - len(given) if fsync == "never" else 0):
                log.append(next(source))
            log.close()
        size = sum(path.stat().st_size for path in (folder / "served" / "sealed").iterdir())
        command = [sys.executable, __file__, STORE, name]
        cpu, clock, before, peak = map(float, subprocess.check_output(command, text=True).split())
        add("it is stored", (cpu / count, clock / count))
        parquet = next((folder / "served" / "hours").iterdir()).stat().st_size
        Console().print(table)
        print(f"Segments: {size / 1e6:,.1f} MB, Parquet: {parquet / 1e6:,.1f} MB.")
        print(f"Memory of the process that stores: {before / 1024:,.0f} MB before, {peak / 1024:,.0f} MB at most.")


if __name__ == "__main__":
    if sys.argv[1:2] == [STORE]:
        store(Path(sys.argv[2]))
    else:
        main(*(int(given) for given in [*sys.argv[1:], *("20000", "1")[len(sys.argv) - 1 :]]))
