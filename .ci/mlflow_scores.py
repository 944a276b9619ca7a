"""What MLflow loads by the champion's alias scores as the stored predictions do; one flipped bit is refused.

python .ci/mlflow_scores.py HOME, in an environment with the wheel and its extra `mlflow`, after `mlreg mlflow sync`.
"""

import os
import sys
import warnings
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
warnings.simplefilter("ignore")

import mlflow  # noqa: E402

from mlreg_dagster import Client  # noqa: E402
from mlreg_dagster.storage.artifacts import ArtifactTampered  # noqa: E402

home = Path(sys.argv[1])
mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.sqlite'}")
model = mlflow.pyfunc.load_model("models:/mlreg@champion")
client = Client(home)
stored = client.predictions(version=client.load_model("champion").version)
rows = client.features(stored["hour"].min(), stored["hour"].max())
both = rows.merge(stored[["hour", "instrument_id", "score"]], on=["hour", "instrument_id"])
answer = model.predict(both[[each.name for each in model.metadata.signature.inputs]])
difference = float(abs(answer["score"].to_numpy() - both["score"].to_numpy()).max())
print(f"{len(both)} of {len(stored)} stored predictions of the champion, largest difference {difference}")
if len(both) != len(stored) or difference != 0.0:
    sys.exit("MLflow's champion does not score as the stored predictions do.")

for path in (home / "mlflow").rglob("pipeline.skops"):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
try:
    mlflow.pyfunc.load_model("models:/mlreg@champion")
except ArtifactTampered as error:
    print(f"One flipped bit is refused: {error}")
else:
    sys.exit("A model with a flipped bit was loaded.")
