"""A span a request by OpenTelemetry, where users have set it up; else nothing, at no cost.

Only the API is used. Users choose SDK, exporter and sampling, by `opentelemetry-instrument` for example. A span holds
route, status and version: nothing of rows, keys, instruments, or the texts of errors.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from mlreg_dagster.serving.metrics import METHODS

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider


class RequestSpan(Protocol):
    """The span of a request under way."""

    def answered(self, route: str, status: int, version: str, role: str) -> None:
        """Note the outcome; the arguments are those of `ServerMetrics.observe`."""


class Tracing:
    """Makes the spans of one server process."""

    def __init__(self, provider: "TracerProvider | None") -> None:
        """Take spans from a provider; None makes none."""
        self._tracer = None
        if provider is not None:
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            self._tracer = provider.get_tracer("mlreg_dagster.serving")
            self._propagator = TraceContextTextMapPropagator()

    @property
    def is_on(self) -> bool:
        """Whether spans are made."""
        return self._tracer is not None

    def request(self, method: str, traceparent: str | None) -> AbstractContextManager[RequestSpan]:
        """Span a request: a part of its caller's trace where its header `traceparent` names one.

        An exception that leaves the context marks the span as failed, by its type alone.

        Args:
            method: Of HTTP.
            traceparent: The value of that header, as sent; one that is malformed begins a new trace.
        """
        return nullcontext(_NO_SPAN) if self._tracer is None else self._span(method, traceparent)

    @contextmanager
    def _span(self, method: str, traceparent: str | None) -> Iterator[RequestSpan]:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        assert self._tracer is not None  # noqa: S101 - looked at by `request`
        method = method if method in METHODS else "_OTHER"
        parent = self._propagator.extract({"traceparent": traceparent}) if traceparent else None
        with self._tracer.start_as_current_span(
            method,
            context=parent,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
            record_exception=False,  # whose text may show what was sent
            set_status_on_exception=False,
        ) as span:
            try:
                yield _Recorded(span, method)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


def configured_tracing() -> Tracing:
    """Spans by the provider that the process was started with; none where OpenTelemetry is not there or not set up."""
    try:
        from opentelemetry import trace
    except ImportError:
        return Tracing(None)
    provider = trace.get_tracer_provider()
    return Tracing(None if isinstance(provider, trace.ProxyTracerProvider) else provider)


class _NoSpan:
    def answered(self, route: str, status: int, version: str, role: str) -> None:
        """Keep nothing."""


_NO_SPAN = _NoSpan()


class _Recorded:
    def __init__(self, span: "Span", method: str) -> None:
        self._span = span
        self._method = method

    def answered(self, route: str, status: int, version: str, role: str) -> None:
        """Write it to the span."""
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if version:
            self._span.set_attribute("mlreg.model.version", version)
            self._span.set_attribute("mlreg.model.role", role)
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
