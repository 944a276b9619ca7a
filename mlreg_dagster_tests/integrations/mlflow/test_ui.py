"""MLflow's own pages show the mirror; `servers` says how to have them."""

import json

import pytest
from playwright import sync_api as playwright

from mlreg_dagster_tests.integrations.mlflow.servers import mlflow_server, needs_program
from mlreg_dagster_tests.pages.crawler import CHROMIUM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system"),
    needs_program,
]
PATIENCE_MS = 60_000


@pytest.fixture
def address(synced):
    with mlflow_server(synced.place.uri) as found:
        yield found


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
