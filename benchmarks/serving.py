"""The HTTP server against a route without a model, FastAPI with the same scorer, and `mlflow models serve`.

    python benchmarks/serving.py [--seconds 5] [--rounds 3] [--minutes 1] [--fastapi PYTHON] [--mlflow PYTHON]

All in one run, on the loopback interface, with one process each: a forest of 200 trees on 36 features, trained on a
simulated market. Ours logs each answer and counts it. Clients are `wrk` (a Python client where it is not installed) on
the same machine, so rates are those of server and client together: what tells is the processor time of the server per
request, and ratios of neighbouring runs. Servers take turns in `rounds`; of each the run with the least processor time
is shown, for whatever else the machine does adds to it.

Two routes of ours have no model behind them: the same request for a model that there is not, which is read, refused and
counted, and a GET of its health. A server of Starlette and msgspec decodes it and answers a constant.

`--fastapi` is a Python that has fastapi and uvicorn beside this project, `--mlflow` one that has mlflow and
onnxruntime; without them their rows are left out. `--minutes` of load from 16 connections tell whether memory stays
flat.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from servers.home import dataframe_split, in_binary, make_home, open_inference
from servers.load import Measured, Target, measure
from servers.others import fastapi, mlflow, starlette
from servers.processes import ours, resident_mb

CONNECTIONS = (1, 16, 64)
OURS, FASTAPI, MLFLOW = "mlreg serve", "FastAPI", "mlflow models serve"
NO_MODEL, NO_BODY = "no model, same request", "no model, GET health"
STARLETTE = "no model, Starlette and msgspec"


def compare(targets: Sequence[Target], seconds: float, rounds: int, folder: Path) -> dict[tuple[str, int], Measured]:
    """The run with the least processor time of each target and number of connections; targets take turns."""
    runs: dict[tuple[str, int], list[Measured]] = {}
    for connections in CONNECTIONS:
        for _ in range(rounds):
            for target in targets:
                runs.setdefault((target.name, connections), []).append(measure(target, connections, seconds, folder))
    return {key: min(each, key=lambda run: run.cpu) for key, each in runs.items()}


def shown(found: dict[tuple[str, int], Measured], title: str) -> Table:
    table = Table(title=title)
    for name in ("server", "connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs/request", "failed"):
        table.add_column(name, justify="left" if name == "server" else "right")
    for (name, connections), run in found.items():
        numbers = f"{run.a_second:,.0f}", f"{run.p50:.1f}", f"{run.p95:.1f}", f"{run.p99:.1f}", f"{run.cpu:,.0f}"
        table.add_row(name, str(connections), *numbers, str(run.failed))
    return table


def ratios(found: dict[tuple[str, int], Measured]) -> Table:
    table = Table(title="Ratios of neighbouring runs")
    for name in (
        "connections",
        f"CPU of ours / {STARLETTE}",
        f"/ {NO_MODEL}",
        f"/ {NO_BODY}",
        f"CPU of {FASTAPI} / ours",
        f"CPU of {MLFLOW} / ours",
        "rate of ours / mlflow's",
    ):
        table.add_column(name, justify="right")
    for connections in CONNECTIONS:
        own = found[OURS, connections]

        def part(name: str, of: str, connections: int = connections, own: Measured = own) -> str:
            other = found.get((name, connections))
            if other is None:
                return "left out"
            values = {
                "up": own.cpu / other.cpu,
                "down": other.cpu / own.cpu,
                "rate": own.a_second / max(other.a_second, 1e-9),
            }
            return f"{values[of]:.1f}"

        table.add_row(
            str(connections),
            part(STARLETTE, "up"),
            part(NO_MODEL, "up"),
            part(NO_BODY, "up"),
            part(FASTAPI, "down"),
            part(MLFLOW, "down"),
            part(MLFLOW, "rate"),
        )
    return table


def many_rows(targets: Sequence[Target], seconds: float, rounds: int, folder: Path) -> Table:
    table = Table(title="250 rows in a request, one connection")
    for name in ("server", "body KB", "requests/s", "p95 ms", "CPU ms/request", "failed"):
        table.add_column(name, justify="left" if name == "server" else "right")
    runs: dict[str, list[Measured]] = {}
    for _ in range(rounds):
        for target in targets:
            runs.setdefault(target.name, []).append(measure(target, 1, seconds, folder))
    for target in targets:
        run = min(runs[target.name], key=lambda each: each.cpu)
        numbers = f"{run.a_second:,.0f}", f"{run.p95:.1f}", f"{run.cpu / 1e3:.2f}", str(run.failed)
        table.add_row(target.name, f"{len(target.body or b'') / 1e3:,.0f}", *numbers)
    return table


def memory(target: Target, minutes: float, folder: Path) -> Table:
    """Memory of the server while 16 connections ask; the slope leaves the first third out."""
    table = Table(title=f"Memory of {target.name} under load from 16 connections for {minutes:g} min")
    for name in ("after min", "resident MB", "requests so far"):
        table.add_column(name, justify="right")
    steps, total, seen = max(int(minutes * 2), 3), 0, []
    for step in range(steps + 1):
        resident = resident_mb(target.process)
        seen.append((step * minutes / steps, resident))
        if step in {round(each * steps / 6) for each in range(7)}:
            table.add_row(f"{seen[-1][0]:.1f}", f"{resident:.1f}", f"{total:,}")
        if step < steps:
            total += measure(target, 16, 60 * minutes / steps, folder).requests
    late = np.array(seen[len(seen) // 3 :])
    slope = statistics.linear_regression(late[:, 0], late[:, 1]).slope
    table.caption = (
        f"after the first third: {slope:+.2f} MB a minute, {1e6 * slope * minutes / max(total, 1):+.0f} bytes a request"
    )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="in which the servers take turns")
    parser.add_argument("--minutes", type=float, default=1.0, help="of load for the memory; 0: none")
    parser.add_argument("--fastapi", default="", help="Python that has fastapi, uvicorn and this project")
    parser.add_argument("--mlflow", default="", help="Python that has mlflow and onnxruntime")
    options = parser.parse_args()
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        rows = make_home(folder)
        home = folder / "home"
        names = json.loads((home / "artifacts" / "models" / "v1" / "manifest.json").read_text())["features"]
        process, url = stack.enter_context(ours(home, folder / "serve.log"))
        infer = "/v2/models/champion/infer"
        one, many = rows[:1], np.resize(rows, (250, rows.shape[1]))
        binary, length = in_binary(many, names)
        heads = (("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", str(length)))
        single = [
            Target(NO_BODY, process, f"{url}/v2/health/live"),
            Target(NO_MODEL, process, f"{url}/v2/models/v99/infer", open_inference(one, names), is_refused=True),
            Target(OURS, process, url + infer, open_inference(one, names)),
        ]
        batch = [
            Target(f"{OURS}, JSON", process, url + infer, open_inference(many, names)),
            Target(f"{OURS}, binary", process, url + infer, binary, heads),
        ]
        process, url = stack.enter_context(starlette(folder))
        single.insert(0, Target(STARLETTE, process, url + infer, open_inference(one, names)))
        if options.fastapi:
            process, url = stack.enter_context(fastapi(options.fastapi, home, folder))
            single.append(Target(FASTAPI, process, url + infer, open_inference(one, names)))
            batch.append(Target(f"{FASTAPI}, JSON", process, url + infer, open_inference(many, names)))
        if options.mlflow:
            process, url = stack.enter_context(mlflow(options.mlflow, home, folder))
            single.append(Target(MLFLOW, process, f"{url}/invocations", dataframe_split(one, names)))
            batch.append(Target(f"{MLFLOW}, JSON", process, f"{url}/invocations", dataframe_split(many, names)))
        console.print(f"Load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
        if not shutil.which("wrk"):
            console.print(
                "wrk is not installed: a Python client asks, which needs more of the machine than the servers do."
            )
        for target in [*single, *batch]:
            measure(target, 4, 1.0, folder)  # warm
        found = compare(single, options.seconds, options.rounds, folder)
        console.print(shown(found, "One row of 36 features in a request, in JSON"), ratios(found))
        console.print(many_rows(batch, options.seconds, options.rounds, folder))
        if options.minutes:
            own = next(each for each in single if each.name == OURS)
            console.print(memory(own, options.minutes, folder))
        missing = [each for each, given in ((FASTAPI, options.fastapi), (MLFLOW, options.mlflow)) if not given]
        left = [*missing, *([] if options.minutes else ["memory"])]
        console.print(f"Left out: {', '.join(left) or 'nothing'}. Load of the machine after: {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
