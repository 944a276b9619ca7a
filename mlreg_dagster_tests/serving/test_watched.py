"""A real server as those who watch it see it: the metrics that rules and dashboard name, and its spans."""

import json
import os
import time

import pytest

from mlreg_dagster.config.places import registry_url
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import roll_out
from mlreg_dagster_tests.serving.exported import full_exposition, server_families
from mlreg_dagster_tests.serving.running import copied, infer_body, running
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

INFER = "/v2/models/champion/infer"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

# Sets up the SDK as `opentelemetry-instrument` does, with a file for an exporter; Python imports it at its start.
SET_UP = """
import os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider()
out = open(os.environ["SPANS"], "a", buffering=1)
exporter = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\\n")
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""


@pytest.fixture(scope="module")
def watched(live_home, tmp_path_factory):
    """A server with spans and a rollout, which has answered one request, as a client with a trace asks it."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "set_up").mkdir()
    (folder / "set_up" / "sitecustomize.py").write_text(SET_UP)
    path = os.pathsep.join([str(folder / "set_up"), os.environ.get("PYTHONPATH", "")])
    environment = {"PYTHONPATH": path, "SPANS": str(folder / "spans")}
    home = copied(live_home, folder)
    roll_out(Registry(registry_url(home)), "v1")
    with running(home, environment=environment) as server:
        names = [each["name"] for each in server.get("/v2/models/champion").json()["inputs"]]
        body = infer_body({name: [0.123456789] for name in names})
        answer = server.post(INFER, json=body, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        assert answer.status_code == 200
        server.spans = folder / "spans"
        yield server


@pytest.mark.slow
def test_a_server_exports_what_rules_and_dashboard_are_checked_against(watched):
    assert server_families(watched.admin("/metrics").content) == server_families(full_exposition())


@pytest.mark.slow
def test_its_numbers_are_right(watched):
    text = watched.admin("/metrics").text
    served = watched.admin("/status").json()["served"]
    version = next(each["version"] for each in served if each["name"] == "champion")
    labels = f'role="champion",route="/v2/models/{{name}}/infer",version="{version}"'
    assert f"mlreg_server_request_duration_seconds_count{{{labels}}} 1.0" in text
    assert f'mlreg_server_rows_total{{role="champion",version="{version}"}} 1.0' in text
    assert f'mlreg_server_model_info{{alias="champion",version="{version}"}} 1.0' in text
    checked = next(line for line in text.splitlines() if line.startswith("mlreg_server_knowledge_timestamp_seconds "))
    assert abs(time.time() - float(checked.split()[1])) < PATIENCE_S


@pytest.mark.slow
def test_a_request_is_a_span_in_the_trace_of_its_caller_and_shows_no_row(watched):
    spans = wait_for(lambda: [span for span in read(watched.spans) if span["name"] == "POST /v2/models/{name}/infer"])
    (span,) = spans
    assert span["context"]["trace_id"].removeprefix("0x") == TRACE
    assert span["parent_id"].removeprefix("0x") == PARENT
    assert set(span["attributes"]) == {
        "http.request.method", "http.route", "http.response.status_code", "mlreg.model.version", "mlreg.model.role",
    }  # fmt: skip
    assert "0.123456789" not in watched.spans.read_text()


@pytest.mark.slow
def test_a_registry_that_is_gone_shows_until_it_is_back(watched):
    def value(name: str) -> float:
        found = (
            line for line in watched.admin("/metrics").text.splitlines() if line.startswith(f"mlreg_server_{name} ")
        )
        return float(next(found).split()[1])

    registry = watched.home / "registry.sqlite"
    away = registry.rename(registry.with_name("away"))
    wait_for(lambda: value("registry_problem") == 1)
    assert value("ready") == 1
    stands_still = value("knowledge_timestamp_seconds")
    assert wait_for(lambda: time.time() - stands_still > 3 and value("knowledge_timestamp_seconds")) == stands_still
    away.rename(registry)
    wait_for(lambda: value("registry_problem") == 0 and value("knowledge_timestamp_seconds") > stands_still)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
