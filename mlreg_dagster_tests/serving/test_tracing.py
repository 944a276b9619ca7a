"""Spans, by OpenTelemetry's SDK: what they hold, whose trace they join, and that there are none without it."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from mlreg_dagster.serving.tracing import Tracing, configured_tracing

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INFER = "/v2/models/{model}/infer"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider)


def test_a_request_is_one_span_with_route_status_and_version(tracing, exporter):
    with tracing.request("POST", None) as span:
        assert get_current_span().get_span_context().is_valid
        span.answered(INFER, 200, "v7", "champion")
    (made,) = exporter.get_finished_spans()
    assert (made.name, made.kind) == (f"POST {INFER}", SpanKind.SERVER)
    assert dict(made.attributes) == {
        "http.request.method": "POST",
        "http.route": INFER,
        "http.response.status_code": 200,
        "mlreg.model.version": "v7",
        "mlreg.model.role": "champion",
    }
    assert made.status.status_code is StatusCode.UNSET


def test_a_request_joins_the_trace_of_its_caller(tracing, exporter):
    with tracing.request("POST", f"00-{TRACE}-{PARENT}-01") as span:
        span.answered(INFER, 200, "v7", "champion")
    (made,) = exporter.get_finished_spans()
    assert f"{made.context.trace_id:032x}" == TRACE
    assert f"{made.parent.span_id:016x}" == PARENT


@pytest.mark.parametrize(
    "header", [f"00-{TRACE}", "x" * 10_000, f"ff-{TRACE}-{PARENT}-01", "00-\x00", f"00-{'0' * 32}-{PARENT}-01"]
)
def test_a_malformed_parent_begins_a_new_trace(tracing, exporter, header):
    with tracing.request("POST", header) as span:
        span.answered(INFER, 200, "v7", "champion")
    (made,) = exporter.get_finished_spans()
    assert made.parent is None
    assert f"{made.context.trace_id:032x}" != TRACE


def test_server_errors_mark_the_span_and_client_errors_do_not(tracing, exporter):
    for status in (503, 422):
        with tracing.request("POST", None) as span:
            span.answered("unmatched", status, "", "")
    failed, refused = exporter.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR
    assert refused.status.status_code is StatusCode.UNSET
    assert "mlreg.model.version" not in refused.attributes


def test_a_method_that_a_client_invents_is_not_named(tracing, exporter):
    with tracing.request("SECRET", None) as span:
        span.answered("unmatched", 405, "", "")
    assert "SECRET" not in exporter.get_finished_spans()[0].to_json()


def test_the_text_of_an_exception_stays_out(tracing, exporter):
    with pytest.raises(ValueError, match="secret"), tracing.request("POST", None):
        raise ValueError("secret row 1.25")
    (made,) = exporter.get_finished_spans()
    assert made.status.status_code is StatusCode.ERROR
    assert made.attributes["error.type"] == "ValueError"
    assert "secret" not in made.to_json()


def test_nothing_is_made_where_nothing_is_set_up():
    tracing = configured_tracing()
    assert not tracing.is_on
    with tracing.request("POST", f"00-{TRACE}-{PARENT}-01") as span:
        span.answered(INFER, 200, "v7", "champion")
        assert not get_current_span().get_span_context().is_valid


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_provider_that_the_process_was_started_with_is_used():
    assert (
        run(
            "from opentelemetry import trace; from opentelemetry.sdk.trace import TracerProvider\n"
            "trace.set_tracer_provider(TracerProvider())\n"
            "from mlreg_dagster.serving.tracing import configured_tracing; print(configured_tracing().is_on)"
        )
        == "True"
    )


def test_the_server_works_without_opentelemetry():
    assert (
        run(
            "import sys; sys.modules['opentelemetry'] = None\n"
            "from mlreg_dagster.serving.tracing import configured_tracing\n"
            "t = configured_tracing()\n"
            "with t.request('POST', None) as span: span.answered('/', 200, '', '')\n"
            "print(t.is_on)"
        )
        == "False"
    )
