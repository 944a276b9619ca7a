"""The values for the official Helm chart, and the chart itself where a machine has it."""

import os
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from mlreg_dagster_tests.repository import PROJECT_DIR

FOLDER = PROJECT_DIR / "deploy" / "helm"
CHART = "MLREG_DAGSTER_CHART"
"""The environment variable that names the folder of the chart, helm/dagster of a release of Dagster."""


def values(*names: str) -> dict[str, Any]:
    """Files of values, the later over the earlier, as Helm merges them."""
    merged: dict[str, Any] = {}
    for name in ("values.yaml", *names):
        merged = _over(merged, yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))
    return merged


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key: _over(below[key], above[key]) for key in above if isinstance(below.get(key), dict)}
    return {**below, **above, **both}


def deployment(of: dict[str, Any]) -> dict[str, Any]:
    """The only code location."""
    (found,) = of["dagster-user-deployments"]["deployments"]
    return found


def chart_pods() -> tuple[dict[str, Any], ...]:
    """The pods that the chart makes, and those of runs, as policies see them."""
    of = deepcopy(values())
    web, code = of["dagsterWebserver"], deployment(of)
    ports = [("http", web["service"]["port"], web["labels"]), ("grpc", code["port"], code["labels"])]
    without = (of["dagsterDaemon"]["labels"], of["runLauncher"]["config"]["k8sRunLauncher"]["labels"])
    return (
        *(_pod(labels, [{"name": name, "containerPort": port}]) for name, port, labels in ports),
        *(_pod(labels, []) for labels in without),
    )


def _pod(labels: dict[str, str], ports: list[dict[str, Any]]) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": {"labels": labels, "containers": [{"ports": ports}]}}


def rendered(*names: str) -> list[dict[str, Any]] | str:
    """The objects that the chart makes of the values; a reason where it is not here."""
    helm, chart = shutil.which("helm"), os.environ.get(CHART, "")
    if helm is None or not Path(chart, "Chart.yaml").is_file():
        return f"no Helm, or no chart: {CHART} names no folder with Chart.yaml"
    files = [part for name in ("values.yaml", *names) for part in ("--values", str(FOLDER / name))]
    command = [helm, "template", "mlreg", chart, "--namespace", "mlreg", "--skip-schema-validation", *files]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each for each in yaml.safe_load_all(answer.stdout) if each]
