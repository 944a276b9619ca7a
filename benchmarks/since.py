"""Replay, storing and memory, side by side with an earlier commit.

    python benchmarks/since.py [commit] [days]

Compares the checkout with a commit (default: 9642e7f, the end of the first round), each in processes of its own, one
after the other in this environment: a replay of so many days (default: 365) of 250 instruments with weekly retraining,
storing a year of features against computing them, and the peak memory of the hourly job over 60 days of 2,500
instruments at default chunks. Each commit runs its own benchmarks. A replay of today also scores the simple rankings
beside each champion, so that it is run without them, too: that is what the earlier commit did, with what measures it.
Needs the project's history and git.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).resolve().parent.parent
COMMIT = "9642e7f"
INSTRUMENTS, MANY, MEMORY_DAYS, CHUNK_HOURS = 250, 2500, 60, 744
ROUNDS = 3
Found = dict[str, Any]
Trees = tuple[Path, Path]

REPLAY = """
import json, sys, tempfile, time
from pathlib import Path
import replay
days, instruments, others = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
    runner = replay.make_runner(Path(folder), days, instruments, **others)
    begun, used = time.perf_counter(), time.process_time()
    replay.time_of_replay(runner, days)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    rows = int(runner.warehouse.query("SELECT count(*) AS n FROM predictions")["n"].iloc[0])
    print(json.dumps({"seconds": seconds, "cpu_s": cpu, "predictions": rows}))
"""

STORING = """
import json, sys
import storing
found, timed = {}, storing.timed
def remembering(rounds, ways):
    seconds = timed(rounds, ways)
    if "computing" in seconds:  # not the hourly writes
        found.update(seconds)
    return seconds
storing.timed = remembering
storing.main(int(sys.argv[1]), 1, 365)
print(json.dumps(found))
"""


def main(commit: str = COMMIT, days: int = 365) -> None:
    """Print the table."""
    with _checked_out(commit) as before:
        trees = (before, PROJECT)
        rows = [*_replays(trees, days), *_storing(trees), *_memory(trees)]
    table = Table("", commit, "now", "now / then", title=f"{days} days of {INSTRUMENTS} instruments, and {MANY:,}")
    for name, then, now, unit in rows:
        table.add_row(name, f"{then:,.1f} {unit}", f"{now:,.1f} {unit}", f"{now / then:.2f}")
    Console(width=140).print(table)


def _replays(trees: Trees, days: int) -> list[tuple[str, float, float, str]]:
    no_rankings = json.dumps({"outcomes": {"rankings": {"panel": []}}})
    then = _run(trees[0], REPLAY, str(days), str(INSTRUMENTS), "{}")
    bare = _run(trees[1], REPLAY, str(days), str(INSTRUMENTS), no_rankings)
    now = _run(trees[1], REPLAY, str(days), str(INSTRUMENTS), "{}")
    what = "a replay, retrained weekly"
    return [
        (f"{what}, without rankings", then["seconds"], bare["seconds"], "s"),
        (f"{what}, without rankings: CPU", then["cpu_s"], bare["cpu_s"], "s"),
        (what, then["seconds"], now["seconds"], "s"),
        (f"{what}: CPU", then["cpu_s"], now["cpu_s"], "s"),
        (f"{what}: predictions", then["predictions"] / 1e6, now["predictions"] / 1e6, "M"),
    ]


def _storing(trees: Trees) -> list[tuple[str, float, float, str]]:
    found = [_run(tree, STORING, str(ROUNDS)) for tree in trees]
    computing = [each["computing"] for each in found]
    rows = [("computing a year of features", computing[0], computing[1], "s")]
    for name in sorted(found[0].keys() & found[1].keys() - {"computing"}):
        times = [each[name] / spent for each, spent in zip(found, computing, strict=True)]
        rows.append((f"storing it, of computing: {name}", times[0], times[1], "x"))
    return rows


def _memory(trees: Trees) -> list[tuple[str, float, float, str]]:
    found = []
    for tree in trees:
        words = [str(tree / "benchmarks" / "growth.py"), "case", str(MANY), str(CHUNK_HOURS), str(MEMORY_DAYS)]
        found.append(_told(tree, words))
    what = f"{MEMORY_DAYS} days of {MANY:,} instruments"
    return [
        (f"{what}: peak memory", found[0]["peak_mb"], found[1]["peak_mb"], "MB"),
        (what, found[0]["seconds"], found[1]["seconds"], "s"),
    ]


def _run(tree: Path, program: str, *words: str) -> Found:
    return _told(tree, ["-c", program, *words])


def _told(tree: Path, words: list[str]) -> Found:
    """What a program of a checkout says in its last line, as JSON."""
    paths = os.pathsep.join([str(tree), str(tree / "benchmarks")])
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tempfile.gettempdir(),  # the checkout's own package must not be found first
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    print(f"{tree.name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit of this project, which go afterwards."""
    git = ["git", "-C", str(PROJECT), "archive", commit]
    files = subprocess.run(git, stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        place = Path(folder) / commit
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            archive.extractall(place, filter="data")
        yield place


if __name__ == "__main__":
    main(*(sys.argv[1:2] or [COMMIT]), *(int(word) for word in sys.argv[2:3]))
