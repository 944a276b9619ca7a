"""What the server counts: right numbers, few series, and nothing that a client chose."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlreg_dagster.serving.following.knowledge import Knowledge
from mlreg_dagster.serving.following.names import ServedRollout
from mlreg_dagster.serving.metrics import MOST_MODELS, AliasModel, ServerMetrics

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
INFER = "/v2/models/{model}/infer"


@pytest.fixture
def metrics() -> ServerMetrics:
    return ServerMetrics()


def samples(metrics: ServerMetrics) -> dict[tuple[str, frozenset], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(metrics: ServerMetrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((f"mlreg_server_{name}", frozenset(labels.items())))


def test_requests_are_counted_by_route_method_status_version_and_role(metrics):
    for status in (200, 200, 422):
        metrics.observe(INFER, "POST", status, "v7", "champion", 0.002, rows=3)
    labels = {"route": INFER, "method": "POST", "version": "v7", "role": "champion"}
    assert value(metrics, "requests_total", status="200", **labels) == 2
    assert value(metrics, "requests_total", status="422", **labels) == 1
    assert value(metrics, "rows_total", version="v7", role="champion") == 9


def test_latency_tells_slow_from_fast_at_100_ms_and_leaves_errors_out(metrics):
    for seconds, status in ((0.02, 200), (0.1, 200), (0.11, 200), (9.0, 503), (0.001, 401)):
        metrics.observe(INFER, "POST", status, "v7", "champion", seconds)
    labels = {"route": INFER, "version": "v7", "role": "champion"}
    assert value(metrics, "request_duration_seconds_bucket", le="0.1", **labels) == 2
    assert value(metrics, "request_duration_seconds_count", **labels) == 3


def test_requests_under_way_are_counted_until_they_end_well_or_not(metrics):
    with metrics.in_flight():
        assert value(metrics, "requests_in_flight") == 1
    with pytest.raises(ValueError, match="of the handler"), metrics.in_flight():
        raise ValueError("of the handler")
    assert value(metrics, "requests_in_flight") == 0


def test_refusals_and_lost_lines_are_there_before_the_first_one(metrics):
    assert value(metrics, "refused_total", reason="rate") == 0
    assert value(metrics, "log_dropped_total") == 0
    metrics.refused("rate")
    metrics.log_dropped(3)
    assert value(metrics, "refused_total", reason="rate") == 1
    assert value(metrics, "log_dropped_total") == 3


def test_knowledge_of_the_registry(metrics):
    assert value(metrics, "ready") == value(metrics, "knowledge_timestamp_seconds") == 0
    metrics.ready(True)
    metrics.knowledge(Knowledge(ready=True, checked_at=NOON, problem="locked"))
    metrics.latest_hour(NOON)
    assert value(metrics, "ready") == value(metrics, "registry_problem") == 1
    assert value(metrics, "knowledge_timestamp_seconds") == NOON.timestamp()
    assert value(metrics, "latest_hour_timestamp_seconds") == NOON.timestamp()
    metrics.knowledge(Knowledge(ready=True, checked_at=NOON))
    assert value(metrics, "registry_problem") == 0


def test_an_alias_that_moved_leaves_no_series_of_its_old_version(metrics):
    metrics.models([AliasModel("champion", "v6", NOON)], unloadable=["champion", "challenger"])
    assert value(metrics, "model_info", alias="champion", version="v6") == 1
    assert value(metrics, "model_effective_timestamp_seconds", alias="champion") == NOON.timestamp()
    assert value(metrics, "model_unloadable", alias="champion") == 1
    assert value(metrics, "model_unloadable", alias="challenger") == 1
    metrics.models([AliasModel("champion", "v7", NOON)], unloadable=[])
    assert value(metrics, "model_info", alias="champion", version="v6") is None
    assert value(metrics, "model_info", alias="champion", version="v7") == 1
    assert value(metrics, "model_unloadable", alias="champion") == 0
    assert value(metrics, "model_unloadable", alias="challenger") is None


def test_a_rollout_is_shown_while_it_is_open_and_leaves_no_series(metrics):
    loaded = ServedRollout(4, 6, "canary_25", 2_500, True, "salt", object(), None, "v7")
    metrics.models([AliasModel("champion", "v6", NOON, loaded)], unloadable=[])
    assert value(metrics, "candidate_weight_ratio", alias="champion", version="v7") == 0.25
    assert value(metrics, "traffic_sequence", alias="champion") == 6
    assert value(metrics, "candidate_unloadable", alias="champion") == 0
    metrics.models([AliasModel("champion", "v6", NOON, replace(loaded, candidate=None))], unloadable=[])
    assert value(metrics, "candidate_unloadable", alias="champion") == 1
    metrics.models([AliasModel("champion", "v7", NOON)], unloadable=[])
    assert not [name for name, labels in samples(metrics) if "traffic" in name or "candidate" in name]


def test_series_stay_few_however_many_versions_are_asked_for(metrics):
    for number in range(200):
        metrics.observe(INFER, "POST", 200, f"v{number}", "version", 0.01, rows=1)
        metrics.observe(INFER, "POST", 200, "v0", "champion", 0.01, rows=1)
    versions = {dict(labels).get("version") for _, labels in samples(metrics)} - {None}
    assert len(versions) == MOST_MODELS
    assert value(metrics, "rows_total", version="v199", role="version") == 1
    assert value(metrics, "rows_total", version="v0", role="champion") == 200


def test_methods_that_a_client_invents_share_one_series(metrics):
    for number in range(50):
        metrics.observe("unmatched", f"METHOD{number}", 405, "", "", 0.001)
    found = [dict(labels)["method"] for name, labels in samples(metrics) if name == "mlreg_server_requests_total"]
    assert found == ["other"]


def test_threads_lose_no_count(metrics):
    def ask() -> None:
        for number in range(2000):
            metrics.observe(INFER, "POST", 200, f"v{number % 3}", "champion", 0.01, rows=2)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    counted = [number for (name, _), number in samples(metrics).items() if name == "mlreg_server_rows_total"]
    assert sum(counted) == 16_000


def test_servers_in_one_process_do_not_share_numbers(metrics):
    metrics.log_dropped()
    assert value(ServerMetrics(), "log_dropped_total") == 0


def test_a_request_costs_microseconds(metrics):
    def microseconds() -> float:
        began = time.process_time()
        for _ in range(5000):
            with metrics.in_flight():
                pass
            metrics.observe(INFER, "POST", 200, "v7", "champion", 0.003, rows=1)
        return (time.process_time() - began) / 5000 * 1e6

    assert min(microseconds() for _ in range(5)) < 10 * 3  # 4 on a quiet machine


def test_shadow_scoring_and_counts_of_rollouts(metrics):
    assert [value(metrics, "shadow_total", outcome=each) for each in ("scored", "dropped", "failed")] == [0, 0, 0]
    for outcome in ("scored", "scored", "dropped", "failed"):
        metrics.shadow(outcome)
    assert [value(metrics, "shadow_total", outcome=each) for each in ("scored", "dropped", "failed")] == [2, 1, 1]
    metrics.counts_problem(True)
    assert value(metrics, "rollout_counts_problem") == 1
    metrics.counts_problem(False)
    assert value(metrics, "rollout_counts_problem") == 0
