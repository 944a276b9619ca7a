"""Samples in Prometheus' text format: for a file that node_exporter reads, and for a server that is scraped."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.monitoring.metrics.declared import METRICS
from mlreg_dagster.monitoring.metrics.numbers import Sample

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

FRESH_S = 10.0
"""Numbers are read again after so many seconds at the soonest, however often they are scraped."""
_IDLE_S = 10.0
_CONTENT = "text/plain; version=0.0.4; charset=utf-8"


class MetricsUnavailable(MlregError):
    """The numbers can't be exported here."""


def exposition(samples: Iterable[Sample]) -> bytes:
    """The text that Prometheus reads.

    Raises:
        MetricsUnavailable: prometheus-client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        raise MetricsUnavailable(
            "prometheus-client is not installed. Install the extra: pip install 'mlreg-dagster[monitoring]'."
        ) from None
    families = list(_families(samples))

    class Collected:
        def collect(self) -> "Iterator[Family]":
            yield from families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected())
    return generate_latest(registry)


def write_textfile(path: Path, content: bytes) -> None:
    """Write the file beside its place, then rename it: a reader sees the old one or the new one, whole.

    Raises:
        OSError: The place can't be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")  # node_exporter reads *.prom alone
    try:
        draft.write_bytes(content)
        draft.chmod(0o644)  # node_exporter is another user
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def make_server(host: str, port: int, read: Callable[[], bytes], fresh_s: float = FRESH_S) -> ThreadingHTTPServer:
    """A server whose `/metrics` gives what `read` does, at most once in `fresh_s` seconds, by one request at a time.

    Raises:
        MetricsUnavailable: The address can't be had.
    """
    lock = threading.Lock()
    kept: list[tuple[float, bytes]] = []

    def answer() -> bytes:
        with lock:
            if not kept or time.monotonic() - kept[0][0] >= fresh_s:
                kept[:] = [(time.monotonic(), read())]
            return kept[0][1]

    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_S

        def do_GET(self) -> None:
            if self.path.split("?")[0] != "/metrics":
                self.send_error(404)
                return
            try:
                body = answer()
            except MlregError as error:
                self.send_error(503, explain=one_line(error, 500))
                return
            self.send_response(200)
            self.send_header("Content-Type", _CONTENT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of each scrape."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise MetricsUnavailable(
            f"{host}:{port} can't be listened on: {error.strerror or error}. Name another --host or --port."
        ) from error


def _families(samples: Iterable[Sample]) -> "Iterator[Family]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.metric, []).append(sample)
    for name, metric in METRICS.items():
        if name not in by_name:
            continue
        cls = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = cls(name, metric.help, labels=metric.labels)
        for sample in by_name[name]:
            family.add_metric(sample.labels, sample.value)
        yield family
