"""The server's own numbers for Prometheus: requests, latency, refusals, its log, and how old its knowledge is.

Series stay few: no label holds an instrument, a key, a request id, or other text that clients choose. The numbers of
the lifecycle (`mlreg metrics`) are in `monitoring.metrics`.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from mlreg_dagster.core.version import __version__
from mlreg_dagster.registry.records.traffic import WHOLE
from mlreg_dagster.serving.following.knowledge import Knowledge
from mlreg_dagster.serving.following.names import ServedRollout

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Of what `exposition` gives."""

LATENCY_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper edges of the latency histogram in seconds; an answer that took more than 0.1 is slow."""

MOST_MODELS = 16
"""Pairs of version and role that have series of their own; the one that was asked longest ago makes room."""

Refusal = Literal[
    "key",  # none, unknown, or revoked: 401
    "scope",  # a key that may not do this: 403
    "rate",  # too many requests by one key: 429
    "concurrency",  # too many requests at once: 503
    "connections",  # too many connections: closed
    "header_timeout",  # the header took too long: closed
    "body_timeout",  # the body took too long: 408
    "request_timeout",  # the answer took too long: 503
    "body_size",  # 413
    "rows",  # 413
    "malformed",  # no request of the protocol: 400, 405, 415
    "model",  # unknown, or not loaded yet: 404, 503
    "suspended",  # the alias is suspended: 503
    "features",  # an unknown instrument, or no hour that is new enough: 404, 409, 503
    "log",  # no line in the prediction log, no answer: 503
    "shutdown",  # the server is being stopped: 503
]
"""Why a request was refused."""

Shadowed = Literal["scored", "dropped", "failed"]
"""What happened to an answer of the champion that the candidate of a rollout was to score, too."""

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Methods of HTTP that are named; clients may invent others."""


@dataclass(frozen=True)
class AliasModel:
    """The version that an alias serves.

    Attributes:
        alias: Its name.
        version: Of the loaded model.
        effective_at: From when on the version holds the alias.
        rollout: Of the alias, while one is open.
    """

    alias: str
    version: str
    effective_at: datetime
    rollout: ServedRollout | None = None


@dataclass
class _Series:
    """Those of one version in one role."""

    rows: Counter
    requests: dict[tuple[str, str, int], Counter] = field(default_factory=dict)
    latency: dict[str, Histogram] = field(default_factory=dict)


class ServerMetrics:
    """The numbers of one server process; threads may share them.

    All methods but `exposition` are for the path of requests: they take microseconds.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # lines that nothing reads
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._lock = threading.Lock()
        self._models: OrderedDict[tuple[str, str], _Series] = OrderedDict()

        of_model = ("version", "role")
        self._requests = self._counter("requests", "Requests by outcome.", ("route", "method", "status", *of_model))
        self._latency = Histogram(
            "mlreg_server_request_duration_seconds",
            "Time from the header of a request to its answer, of answers with a status below 400.",
            ("route", *of_model),
            buckets=LATENCY_EDGES,
            registry=self._registry,
        )
        self._rows = self._counter("rows", "Rows that were scored and answered.", of_model)
        refused = self._counter("refused", "Requests and connections that were refused.", ("reason",))
        self._refused = {reason: refused.labels(reason) for reason in get_args(Refusal)}
        self._in_flight = self._gauge("requests_in_flight", "Requests under way.")
        self._dropped = self._counter("log_dropped", "Answers without a line in the prediction log.")
        shadow = self._counter("shadow", "Answers that the candidate of a rollout was to score, too.", ("outcome",))
        self._shadow = {outcome: shadow.labels(outcome) for outcome in get_args(Shadowed)}
        self._counts_problem = self._gauge(
            "rollout_counts_problem", "1 where the counts of a rollout can't be written: it waits."
        )

        self._gauge("build_info", "Release of the server.", ("release",)).labels(__version__).set(1)
        self._ready = self._gauge("ready", "1 where the server is ready for requests.")
        self._checked = self._gauge(
            "knowledge_timestamp_seconds", "When the registry last answered and was whole; 0: never yet."
        )
        self._problem = self._gauge("registry_problem", "1 where the registry can't be read or believed.")
        self._info = self._gauge("model_info", "The version that an alias serves.", ("alias", "version"))
        self._since = self._gauge(
            "model_effective_timestamp_seconds", "From when on the served version holds its alias.", ("alias",)
        )
        self._unloadable = self._gauge(
            "model_unloadable", "1 where the version that an alias names can't be loaded.", ("alias",)
        )
        self._suspended = Gauge(
            "mlreg_suspended", "1 where no holder of the alias scores.", ("alias",), registry=self._registry
        )
        self._weight = self._gauge(
            "candidate_weight_ratio", "Share of the traffic that the candidate of a rollout gets.", ("alias", "version")
        )
        self._traffic = self._gauge(
            "traffic_sequence", "The change of the traffic that is followed, while a rollout is open.", ("alias",)
        )
        self._candidate_unloadable = self._gauge(
            "candidate_unloadable", "1 where the candidate of a rollout can't be loaded.", ("alias",)
        )
        self._latest_hour = self._gauge(
            "latest_hour_timestamp_seconds", "The newest hour of features; 0: there is none."
        )

    def observe(
        self, route: str, method: str, status: int, version: str, role: str, seconds: float, rows: int = 0
    ) -> None:
        """Count a request that is over.

        Args:
            route: The template of its path, never the path; `unmatched` where none fits.
            method: Of HTTP.
            status: Of the answer.
            version: That answered; empty where none did.
            role: The alias that it was asked by, `candidate` of a rollout, or `version`; empty where no model answered.
            seconds: From its header to its answer.
            rows: That were scored.
        """
        method = method if method in METHODS else "other"
        with self._lock:
            series = self._of(version, role)
            requests = series.requests.get((route, method, status))
            if requests is None:
                requests = self._requests.labels(route, method, status, version, role)
                series.requests[(route, method, status)] = requests
            requests.inc()
            if rows:
                series.rows.inc(rows)
            if status < 400:
                latency = series.latency.get(route)
                if latency is None:
                    latency = series.latency[route] = self._latency.labels(route, version, role)
                latency.observe(seconds)

    def in_flight(self) -> AbstractContextManager[None]:
        """Count a request as under way, as long as the context lasts."""
        return self._in_flight.track_inprogress()

    def refused(self, reason: Refusal) -> None:
        """Count a request or connection that was refused; `observe` counts the request, too, where it had an answer."""
        self._refused[reason].inc()

    def log_dropped(self, answers: int = 1) -> None:
        """Count answers that left without a line in the prediction log."""
        self._dropped.inc(answers)

    def shadow(self, outcome: Shadowed) -> None:
        """Count an answer that the candidate of a rollout was to score, too."""
        self._shadow[outcome].inc()

    def counts_problem(self, is_problem: bool) -> None:
        """Note whether the counts of a rollout can't be written."""
        self._counts_problem.set(is_problem)

    def ready(self, is_ready: bool) -> None:
        """Note whether the server is ready."""
        self._ready.set(is_ready)

    def knowledge(self, knowledge: Knowledge, served: Iterable[str] = ()) -> None:
        """Note what the server knows of the registry, and which of the served aliases are suspended."""
        self._checked.set(_seconds(knowledge.checked_at))
        self._problem.set(knowledge.problem is not None)
        self._suspended.clear()
        for alias in (*served, *knowledge.suspended):
            self._suspended.labels(alias).set(alias in knowledge.suspended)

    def models(self, served: Iterable[AliasModel], unloadable: Collection[str]) -> None:
        """Note what the aliases serve.

        Args:
            served: Those with a loaded model.
            unloadable: Aliases that name a version that can't be loaded.
        """
        of_rollout = (self._weight, self._traffic, self._candidate_unloadable)
        for gauge in (self._info, self._since, self._unloadable, *of_rollout):
            gauge.clear()
        for each in served:
            self._info.labels(each.alias, each.version).set(1)
            self._since.labels(each.alias).set(_seconds(each.effective_at))
            self._unloadable.labels(each.alias).set(each.alias in unloadable)
            if (rollout := each.rollout) is not None:
                self._weight.labels(each.alias, rollout.candidate_version).set(rollout.weight / WHOLE)
                self._traffic.labels(each.alias).set(rollout.sequence)
                self._candidate_unloadable.labels(each.alias).set(rollout.candidate is None)
        for alias in unloadable:
            self._unloadable.labels(alias).set(1)

    def latest_hour(self, hour: datetime | None) -> None:
        """Note the newest hour of features."""
        self._latest_hour.set(_seconds(hour))

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _of(self, version: str, role: str) -> _Series:
        key = (version, role)
        series = self._models.get(key)
        if series is None:
            series = self._models[key] = _Series(self._rows.labels(version, role))
            while len(self._models) > MOST_MODELS:
                (oldest_version, oldest_role), _ = self._models.popitem(last=False)
                for family in (self._requests, self._latency, self._rows):
                    family.remove_by_labels({"version": oldest_version, "role": oldest_role})
        else:
            self._models.move_to_end(key)
        return series

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"mlreg_server_{name}", meaning, labels, registry=self._registry)

    def _gauge(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"mlreg_server_{name}", meaning, labels, registry=self._registry)


def _seconds(time: datetime | None) -> float:
    return 0.0 if time is None else time.timestamp()
