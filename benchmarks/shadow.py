"""What a rollout costs the answers of the champion: its counts, and the candidate that scores in the shadow.

    python benchmarks/shadow.py [--seconds 2] [--rounds 20] [--rate 200] [--only-rate] [--real-time]

One `mlreg serve` on the loopback interface; champion and candidate are forests of 200 trees on 36 features. In each
round the same server is asked without a rollout, with one whose candidate does nothing, and with one whose candidate
scores in the shadow, in an order by chance: `wrk` asks by one connection and by 16 without a pause, which no server is
meant for, and a Python client sends `rate` requests a second, whether the answers come or not.

Of each round the p95 with a rollout is divided by the p95 without. Shown are the medians of these ratios, with 95 %
intervals by the bootstrap over rounds: neighbouring runs share what else the machine does.
"""

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import httpx
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from servers.home import make_home, open_inference
from servers.load import JSON, Target, measure
from servers.processes import cpu, ours

from mlreg_dagster.config.places import own_registry_url
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.mixins.traffic import Split
from mlreg_dagster.storage.rollout_counts import read_counts

NONE, COUNTED, SHADOW = "no rollout", "rollout without shadow", "rollout with shadow"
CONDITIONS = (NONE, COUNTED, SHADOW)
_BOOTSTRAPS = 5_000
_AT_ONCE = 16
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

Run = tuple[int, float, float, float]
"""Requests, p50 and p95 in ms, processor time in µs a request."""


class Condition:
    """The rollout of a registry, as a server follows it.

    Args:
        home: Of the server.
        url: Of the server.
    """

    def __init__(self, home: Path, url: str) -> None:
        self._registry, self._url = Registry(own_registry_url(home)), url
        self.rollouts: list[int] = []

    def set(self, name: str) -> None:
        """Change it, and wait until the server follows."""
        newest = self._registry.traffic("champion")
        if newest is not None and newest.is_open:
            back = Split("rolled_back", 0, False, "roll_back", {})
            self._registry.move_traffic("champion", back, self._by(), expected=newest.sequence)
        sequence = None
        if name != NONE:
            split = Split("shadow", 0, name == SHADOW, "open", {})
            opened = self._registry.open_rollout("champion", "v2", split, self._by(), salt=token_hex(8), expected="v1")
            sequence = opened.sequence
            self.rollouts += [opened.rollout] if name == SHADOW else []
        while self._followed() != sequence:
            time.sleep(0.1)

    def _followed(self) -> int | None:
        models = httpx.get(f"{self._url}/v2", timeout=30).json()["models"]
        (champion,) = (each for each in models if each["name"] == "champion")
        followed = champion.get("rollout", {}).get("traffic_sequence")
        return None if followed is None else int(followed)

    def _by(self) -> Attribution:
        return Attribution("benchmark", pd.Timestamp.now("UTC").to_pydatetime(), "measured")


def at_rate(target: Target, rate: float, seconds: float) -> Run:
    """Send requests at a fixed rate, over 16 connections; times count from when a request was due."""
    before = cpu(target.process)
    taken = asyncio.run(_send(target, rate, seconds))
    p50, p95 = np.percentile(np.array(taken) * 1e3, [50, 95])
    return len(taken), float(p50), float(p95), 1e6 * (cpu(target.process) - before) / len(taken)


async def _send(target: Target, rate: float, seconds: float) -> list[float]:
    """By plain sockets: a client library would need more of the machine than the server does."""
    parts = urlsplit(target.url)
    content = target.body or b""
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {JSON}\r\n"
    message = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    due = (number / rate for number in range(int(rate * seconds)))
    taken: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for at in due:
            await asyncio.sleep(max(began + at - time.perf_counter(), 0))
            writer.write(message)
            reply = await reader.readuntil(b"\r\n\r\n")
            if not reply.startswith(b"HTTP/1.1 200"):
                raise SystemExit(reply.decode())
            await reader.readexactly(int(_LENGTH.search(reply)[1]))  # type: ignore[index]
            taken.append(time.perf_counter() - began - at)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(_AT_ONCE)))
    return taken


def by_wrk(target: Target, connections: int, seconds: float, folder: Path) -> Run:
    """Ask without a pause."""
    run = measure(target, connections, seconds, folder)
    if run.failed:
        raise SystemExit(f"{run.failed} requests failed.")
    return run.requests, run.p50, run.p95, run.cpu


def ratio(over: Sequence[float], under: Sequence[float], random: np.random.Generator) -> str:
    """The median of paired ratios, with an interval."""
    ratios = np.array(over) / np.array(under)
    low, high = np.percentile(np.median(random.choice(ratios, (_BOOTSTRAPS, len(ratios))), axis=1), [2.5, 97.5])
    return f"{np.median(ratios):.2f} ({low:.2f} to {high:.2f})"


def shown(found: dict[tuple[str, str], list[Run]], random: np.random.Generator) -> Table:
    table = Table(title="One row in a request; medians of the rounds, and ratios to no rollout")
    for name in ("load", "condition", "requests/round", "p50 ms", "p95 ms", "p95 ratio", "CPU µs/request", "CPU ratio"):
        table.add_column(name, justify="left" if name in ("load", "condition") else "right")
    for (load, condition), runs in found.items():
        requests, p50, p95, used = np.median(np.array(runs), axis=0)
        without = found[load, NONE]
        ratios = [
            "" if condition == NONE else ratio([run[at] for run in runs], [run[at] for run in without], random)
            for at in (2, 3)
        ]
        numbers = f"{requests:,.0f}", f"{p50:.2f}", f"{p95:.2f}", ratios[0], f"{used:,.0f}", ratios[1]
        table.add_row(load, condition, *numbers)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second, where they are sent at a rate")
    parser.add_argument("--only-rate", action="store_true", help="leave wrk out")
    parser.add_argument("--real-time", action="store_true", help="before all else that the machine does (root, Linux)")
    options = parser.parse_args()
    console, random = Console(width=150), np.random.default_rng(42)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, home = make_home(folder, ("v1", "v2")), folder / "home"
        names = json.loads((home / "artifacts" / "models" / "v1" / "manifest.json").read_text())["features"]
        if options.real_time:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))  # the server and wrk have it from here
        with ours(home, folder / "serve.log") as (process, url):
            body = open_inference(rows[:1], names)
            target = Target("mlreg serve", process, f"{url}/v2/models/champion/infer", body, (("Content-Type", JSON),))
            loads: dict[str, Callable[[], Run]] = {
                f"{options.rate:g} a second": lambda: at_rate(target, options.rate, options.seconds),
                "1 connection": lambda: by_wrk(target, 1, options.seconds, folder),
                "16 connections": lambda: by_wrk(target, 16, options.seconds, folder),
            }
            loads = dict(list(loads.items())[: 1 if options.only_rate else None])
            condition = Condition(home, url)
            found: dict[tuple[str, str], list[Run]] = {(load, each): [] for load in loads for each in CONDITIONS}
            before = os.getloadavg()[0]
            for each in loads.values():
                each()  # warm
            for number in range(options.rounds):
                for each in random.permutation(CONDITIONS):
                    condition.set(str(each))
                    for load, run in loads.items():
                        found[load, str(each)].append(run())
                console.print(f"round {number + 1} of {options.rounds}", end="\r")
        console.print(shown(found, random))
        counted = [read_counts(home, "champion", each) for each in condition.rollouts]
        periods = [period for each in counted for period in each.periods]
        scored, dropped = sum(each.shadow.requests for each in periods), sum(each.shadow_dropped for each in periods)
        console.print(f"Of {scored + dropped:,} answers the candidate scored {scored / (scored + dropped):.0%}.")
        console.print(f"Load of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
