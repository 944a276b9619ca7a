"""MLflow's own pages show the mirror. Its UI can't be installed beside this package, but in an environment of its own.

python -m venv ui && ui/bin/pip install mlflow==3.17.2
MLREG_MLFLOW_UI=ui/bin/mlflow pytest mlreg_dagster_tests/integrations/mlflow/test_ui.py
"""

import json
import os
import subprocess
import urllib.request

import pytest
from playwright import sync_api as playwright

from mlreg_dagster_tests.pages.crawler import CHROMIUM
from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.waiting import wait_for

PROGRAM = os.environ.get("MLREG_MLFLOW_UI")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system"),
    pytest.mark.skipif(
        PROGRAM is None, reason="MLREG_MLFLOW_UI names no mlflow with its UI: it asks for an older pyarrow"
    ),
]
PATIENCE_MS = 60_000


@pytest.fixture
def address(synced):
    port = free_port()
    command = [PROGRAM, "server", "--backend-store-uri", synced.place.uri, "--port", str(port), "--workers", "1"]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, env=own | {"MLFLOW_DISABLE_TELEMETRY": "true"}, start_new_session=True) as server:
        try:
            wait_for(lambda: _answers(f"http://127.0.0.1:{port}/health"), rarest_s=1.0)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, 15)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def test_list_version_and_compare_are_shown_and_nobody_else_is_asked(synced, address, tmp_path):
    experiment = synced.client.get_experiment_by_name("mlreg").experiment_id
    runs = json.dumps([synced.run("v1"), synced.run("v2")])
    pages = {
        "list": ("/#/models", "mlreg"),
        "model": ("/#/models/mlreg", "champion"),
        "version": ("/#/models/mlreg/versions/2", "mlreg.artifact_sha256"),
        "runs": (f"/#/experiments/{experiment}/runs", "v3"),
        "compare": (f'/#/compare-runs?runs={runs}&experiments=["{experiment}"]', "average_precision"),
    }
    asked = set()
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.on("request", lambda request: asked.add(request.url))
        for name, (path, text) in pages.items():
            page.goto(f"{address}{path}")
            page.get_by_text(text).first.wait_for(timeout=PATIENCE_MS)
            page.screenshot(path=tmp_path / f"{name}.png")
        browser.close()
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
