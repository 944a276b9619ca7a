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
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import DatasetSettings, IngestSettings
from mlreg_dagster.config.places import own_registry_url
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing.world import DAY_ENDS
from mlreg_dagster_tests.models.builders import build_world
from mlreg_dagster_tests.registry.builders import evaluate, move, register

CONNECTIONS = (1, 16, 64)
OURS, FASTAPI, MLFLOW = "mlreg serve", "FastAPI", "mlflow models serve"
NO_MODEL, NO_BODY = "no model, same request", "no model, GET health"
STARLETTE = "no model, Starlette and msgspec"
_OPENS = as_hour("2019-12-20")
_JSON = "application/json"
_READY_S = 180

_FASTAPI_APP = """
import hashlib, os, sys
from pathlib import Path
import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from mlreg_dagster.serving.following.names import Bundle
from mlreg_dagster.serving.scoring.model import load
from mlreg_dagster.storage.artifacts import open_artifacts

artifacts, port = sys.argv[1:]
sums = Path(artifacts, "models", "v1", "SHA256SUMS").read_bytes()
model = load(open_artifacts(artifacts), Bundle("v1", hashlib.sha256(sums).hexdigest()), 16)
app = FastAPI()

class Tensor(BaseModel):
    name: str
    shape: list[int] = Field(min_length=1, max_length=2)
    datatype: str
    data: list[float | None]

class Asked(BaseModel):
    inputs: list[Tensor]

class Output(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]

class Answer(BaseModel):
    model_name: str
    model_version: str
    outputs: list[Output]

@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}

@app.post("/v2/models/champion/infer")
async def infer(asked: Asked) -> Answer:
    columns = {each.name: each.data for each in asked.inputs}
    if columns.keys() != set(model.features):
        raise HTTPException(400, "other features")
    X = np.column_stack([np.array(columns[name], dtype=np.float64) for name in model.features])
    scores = model.score(X)
    output = Output(name="score", shape=[len(X)], datatype="FP64", data=scores.tolist())
    return Answer(model_name="champion", model_version=model.version, outputs=[output])

uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
"""

_STARLETTE_APP = """
import sys
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float | None]

class Asked(msgspec.Struct):
    inputs: list[Tensor]

decoder, encoder = msgspec.json.Decoder(Asked), msgspec.json.Encoder()

async def ready(request):
    return Response(b"{}")

async def infer(request):
    asked = decoder.decode(await request.body())
    score = {"name": "score", "shape": [1], "datatype": "FP64", "data": [float(len(asked.inputs))]}
    answer = {"model_name": "none", "outputs": [score]}
    return Response(encoder.encode(answer), media_type="application/json")

routes = [Route("/v2/models/{name}/infer", infer, methods=["POST"]), Route("/v2/health/ready", ready)]
uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
"""

_MLFLOW_MODEL = """
import json
import sys
import mlflow.pyfunc
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

class Scorer(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(context.artifacts["graph"], options)

    def predict(self, context, model_input, params=None):
        return self.session.run(["score"], {"features": model_input.to_numpy(dtype="float64")})[0]

names = json.loads(open(sys.argv[3]).read())["features"]
columns = ModelSignature(inputs=Schema([ColSpec("double", name) for name in names]))
mlflow.pyfunc.save_model(
    sys.argv[2], python_model=Scorer(), artifacts={"graph": sys.argv[1]}, signature=columns, pip_requirements=[]
)
"""

_LUA = """
wrk.method = "{method}"
{body}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %f %d %f %f %f\\n", summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Target:
    """A route of a server that is asked.

    Attributes:
        name: For the table.
        process: Number of the process whose processor time counts, with its children's.
        url: What is asked.
        body: What is sent; None: nothing, by GET.
        headers: Of the request.
    """

    name: str
    process: int
    url: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = (("Content-Type", _JSON),)


@dataclass(frozen=True)
class Measured:
    """What a run of the client saw; times in ms, processor time in µs a request."""

    requests: int
    a_second: float
    failed: int
    p50: float
    p95: float
    p99: float
    cpu: float


# --- the model, and the servers ------------------------------------------------------------------------------------


def make_home(folder: Path) -> np.ndarray:
    """A home whose champion is a forest of 200 trees; gives rows of the holdout."""
    ingest = IngestSettings(start=_OPENS, universe=100, simulated={"opens": _OPENS})
    source = make_source(ingest, LandingZone(folder / "raw"))
    world = build_world(
        folder / "datasets", source.snapshots(hour_range(_OPENS, DAY_ENDS - HOUR), DAY_ENDS), DatasetSettings()
    )
    model = world.train(params={"n_estimators": 200, "max_samples": 1.0}, contamination=0.08)
    home = folder / "home"
    saved = artifact.save(open_artifacts(str(home / "artifacts")), "v1", model)
    registry = Registry(own_registry_url(home))
    register(registry, "v1", artifact_sha256=saved.sha256)
    evaluate(registry, "v1", artifact_sha256=saved.sha256)
    move(registry, "v1", None)
    return world.holdout.rows[model.features].to_numpy(dtype=np.float64)


@contextmanager
def ours(home: Path, log: Path) -> Iterator[tuple[int, str]]:
    """`mlreg serve` as it is installed: with its log and its metrics."""
    command = [sys.executable, "-m", "mlreg_dagster.cli", "serve", "--port", "0", "--admin-port", "0"]
    environment = {**os.environ, "MLREG_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with _started(command, log, environment) as process:
        url = _first(log, r"on (http://\S+);")
        _wait(f"{url}/v2/health/ready")
        yield process, url


@contextmanager
def starlette(folder: Path) -> Iterator[tuple[int, str]]:
    """Starlette and msgspec without a model, a log, keys or limits."""
    script, port = folder / "starlette_app.py", _free_port()
    script.write_text(_STARLETTE_APP)
    with _started([sys.executable, str(script), str(port)], folder / "starlette.log", _plain()) as process:
        _wait(f"http://127.0.0.1:{port}/v2/health/ready")
        yield process, f"http://127.0.0.1:{port}"


@contextmanager
def fastapi(python: str, home: Path, folder: Path) -> Iterator[tuple[int, str]]:
    """FastAPI with pydantic and the same scorer."""
    script, port = folder / "fastapi_app.py", _free_port()
    script.write_text(_FASTAPI_APP)
    with _started(
        [python, str(script), str(home / "artifacts"), str(port)], folder / "fastapi.log", _plain()
    ) as process:
        _wait(f"http://127.0.0.1:{port}/v2/health/ready")
        yield process, f"http://127.0.0.1:{port}"


@contextmanager
def mlflow(python: str, home: Path, folder: Path) -> Iterator[tuple[int, str]]:
    """`mlflow models serve` of a pyfunc on the same graph, with a signature: both find columns by their names."""
    script, port, model = folder / "mlflow_model.py", _free_port(), folder / "mlflow-model"
    script.write_text(_MLFLOW_MODEL)
    bundle = home / "artifacts" / "models" / "v1"
    environment = {name: value for name, value in _plain().items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(python).parent}:{environment['PATH']}"
    subprocess.run(
        [python, str(script), str(bundle / "model.onnx"), str(model), str(bundle / "manifest.json")],
        check=True,
        env=environment,
        cwd=folder,
        capture_output=True,
    )
    command = [python, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local"]
    with _started(command, folder / "mlflow.log", environment) as process:
        _wait(f"http://127.0.0.1:{port}/ping")
        yield process, f"http://127.0.0.1:{port}"


@contextmanager
def _started(command: Sequence[str], log: Path, environment: dict[str, str]) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=log.parent)
    try:
        yield process.pid
    finally:
        for each in _family(process.pid):
            os.kill(each, signal.SIGTERM)
        process.wait(30)


def _plain() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _first(log: Path, pattern: str) -> str:
    end = time.monotonic() + _READY_S
    while not (found := re.search(pattern, log.read_text())):
        if time.monotonic() > end:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    return found[1]


def _wait(url: str) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} does not answer.")


# --- what is sent ---------------------------------------------------------------------------------------------------


def open_inference(X: np.ndarray, names: Sequence[str]) -> bytes:
    """A tensor a feature, in JSON."""
    values = [[None if np.isnan(value) else value for value in column] for column in X.T.tolist()]
    return json.dumps(
        {
            "inputs": [
                {"name": name, "shape": [len(X)], "datatype": "FP64", "data": data}
                for name, data in zip(names, values, strict=True)
            ]
        }
    ).encode()


def in_binary(X: np.ndarray, names: Sequence[str]) -> tuple[bytes, int]:
    """The same by the binary tensor extension, and the length of its JSON."""
    head = json.dumps(
        {
            "inputs": [
                {"name": name, "shape": [len(X)], "datatype": "FP64", "parameters": {"binary_data_size": 8 * len(X)}}
                for name in names
            ]
        }
    ).encode()
    return head + b"".join(np.ascontiguousarray(column).tobytes() for column in X.T), len(head)


def dataframe_split(X: np.ndarray, names: Sequence[str]) -> bytes:
    """As MLflow takes rows."""
    rows = [[None if np.isnan(value) else value for value in row] for row in X.tolist()]
    return json.dumps({"dataframe_split": {"columns": list(names), "data": rows}}).encode()


# --- the client -----------------------------------------------------------------------------------------------------


def measure(target: Target, connections: int, seconds: float, folder: Path) -> Measured:
    """Ask for some seconds."""
    before = _cpu(target.process)
    run = _by_wrk if shutil.which("wrk") else _by_python
    requests, spent, failed, p50, p95, p99 = run(target, connections, seconds, folder)
    used = _cpu(target.process) - before
    failed = 0 if target.name == NO_MODEL else failed
    return Measured(requests, requests / spent, failed, p50, p95, p99, 1e6 * used / max(requests, 1))


def _cpu(process: int) -> float:
    """Seconds of processor time of a process and its children."""
    ticks = sum(sum(map(int, _stat(each)[11:13])) for each in _family(process))
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(process: int) -> list[int]:
    """A process and all that it started, the youngest first."""
    parents = {
        int(place.name): int(_stat(int(place.name))[1]) for place in Path("/proc").iterdir() if place.name.isdigit()
    }
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[::-1]


def _stat(process: int) -> list[str]:
    """Numbers of a process, from its state on; nothing but zeros where it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 50


def _resident_mb(process: int) -> float:
    return int(_stat(process)[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _by_wrk(
    target: Target, connections: int, seconds: float, folder: Path
) -> tuple[int, float, int, float, float, float]:
    script, content = folder / "request.lua", folder / "request.body"
    body = ""
    if target.body is not None:
        content.write_bytes(target.body)
        body = f'local file = io.open("{content}", "rb")\nwrk.body = file:read("*all")\nfile:close()\n'
        body += "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in target.headers)
    script.write_text(_LUA.format(method="GET" if target.body is None else "POST", body=body))
    command = [
        "wrk",
        "-t",
        "1",
        "-c",
        str(connections),
        "-d",
        f"{max(round(seconds), 1)}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
    ]
    done = subprocess.run([*command, target.url], check=True, capture_output=True, text=True)
    requests, spent, failed, *percentiles = next(
        line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT")
    )
    p50, p95, p99 = map(float, percentiles)
    return int(requests), float(spent), int(failed), p50, p95, p99


def _by_python(
    target: Target, connections: int, seconds: float, _: Path
) -> tuple[int, float, int, float, float, float]:
    taken, failed = asyncio.run(_ask(target, connections, seconds))
    p50, p95, p99 = np.percentile(np.array(taken) * 1e3, [50, 95, 99]) if taken else (np.nan,) * 3
    return len(taken), seconds, failed, float(p50), float(p95), float(p99)


async def _ask(target: Target, connections: int, seconds: float) -> tuple[list[float], int]:
    taken: list[float] = []
    failed, end = 0, time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed
        while time.perf_counter() < end:
            began = time.perf_counter()
            if target.body is None:
                reply = await client.get(target.url)
            else:
                reply = await client.post(target.url, content=target.body, headers=dict(target.headers))
            failed += reply.status_code != 200
            taken.append(time.perf_counter() - began)

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        await asyncio.gather(*(one() for _ in range(connections)))
    return taken, failed


# --- the tables -----------------------------------------------------------------------------------------------------


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
        resident = _resident_mb(target.process)
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
            Target(NO_MODEL, process, f"{url}/v2/models/v99/infer", open_inference(one, names)),
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
