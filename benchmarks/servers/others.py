"""Servers that ours is compared with: FastAPI with the same scorer, MLflow's, and one without a model."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.processes import free_port, plain, started, wait

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


@contextmanager
def starlette(folder: Path) -> Iterator[tuple[int, str]]:
    """Starlette and msgspec without a model, a log, keys or limits."""
    script, port = folder / "starlette_app.py", free_port()
    script.write_text(_STARLETTE_APP)
    with started([sys.executable, str(script), str(port)], folder / "starlette.log", plain()) as process:
        wait(f"http://127.0.0.1:{port}/v2/health/ready")
        yield process, f"http://127.0.0.1:{port}"


@contextmanager
def fastapi(python: str, home: Path, folder: Path) -> Iterator[tuple[int, str]]:
    """FastAPI with pydantic and the same scorer."""
    script, port = folder / "fastapi_app.py", free_port()
    script.write_text(_FASTAPI_APP)
    with started([python, str(script), str(home / "artifacts"), str(port)], folder / "fastapi.log", plain()) as process:
        wait(f"http://127.0.0.1:{port}/v2/health/ready")
        yield process, f"http://127.0.0.1:{port}"


@contextmanager
def mlflow(python: str, home: Path, folder: Path) -> Iterator[tuple[int, str]]:
    """`mlflow models serve` of a pyfunc on the same graph, with a signature: both find columns by their names."""
    script, port, model = folder / "mlflow_model.py", free_port(), folder / "mlflow-model"
    script.write_text(_MLFLOW_MODEL)
    bundle = home / "artifacts" / "models" / "v1"
    environment = {name: value for name, value in plain().items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(python).parent}:{environment['PATH']}"
    subprocess.run(
        [python, str(script), str(bundle / "model.onnx"), str(model), str(bundle / "manifest.json")],
        check=True,
        env=environment,
        cwd=folder,
        capture_output=True,
    )
    command = [python, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local"]
    with started(command, folder / "mlflow.log", environment) as process:
        wait(f"http://127.0.0.1:{port}/ping")
        yield process, f"http://127.0.0.1:{port}"
