"""Results of long simulations as lines of a file, one for each part and seed: a run can be cut into parts and go on."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def run(table: Mapping[str, Callable[[int], Any]], path: Path, first: int, last: int, parts: Sequence[str]) -> None:
    """Add what is missing of some parts to a file, for the seeds `first` to `last` - 1."""
    done = {(each["part"], each["seed"]) for each in _read([path])} if path.exists() else set()
    for seed in range(first, last):
        for part in parts:
            if (part, seed) in done:
                continue
            began = time.process_time()
            result = table[part](seed)
            line = {"part": part, "seed": seed, "cpu_s": round(time.process_time() - began, 1), "result": result}
            with path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def by_part(paths: Sequence[Path]) -> dict[str, list[Any]]:
    """The results of files, by part; of a seed that is there twice the last one counts."""
    found: dict[str, list[Any]] = {}
    for each in {(line["part"], line["seed"]): line for line in _read(paths)}.values():
        found.setdefault(each["part"], []).append(each["result"])
    return found


def _read(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from map(json.loads, path.read_text().splitlines())
