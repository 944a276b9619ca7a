#!/usr/bin/env python3
"""Writes the Grafana dashboard; run it after a change here or of the metrics.

python deploy/monitoring/dashboard.py
"""

import json
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).resolve().parent / "dashboard.json"

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24

Panel = dict[str, Any]

ASKED = 'route!~"/v2/health/.*|/ping"'  # what clients ask for; probes are left out
SLOWER = "mlreg_server_request_duration_seconds"


def stat(title: str, expr: str, legend: str = "", unit: str = "none", red_at: float | None = None) -> Panel:
    """The newest value of each series; red from a value on."""
    steps = [{"color": "green", "value": None}]
    if red_at is not None:
        steps.append({"color": "red", "value": red_at})
    return _panel("stat", title, [(expr, legend)], unit) | {
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []}
    }


def graph(title: str, *queries: tuple[str, str], unit: str = "none") -> Panel:
    """Lines over time, one a series."""
    return _panel("timeseries", title, queries, unit)


def table(title: str, expr: str) -> Panel:
    """The newest value of each series in a row with its labels."""
    panel = _panel("table", title, [(expr, "")], "none")
    for target in panel["targets"]:
        target |= {"instant": True, "format": "table"}
    return panel


def rows() -> list[tuple[str, list[Panel]]]:
    """The panels, by the title of their row."""
    return [
        (
            "Now",
            [
                stat("Open alerts", "sum(mlreg_alerts) or vector(0)", red_at=1),
                stat("To be acted on now", 'sum(mlreg_alerts{severity="page"}) or vector(0)', red_at=1),
                stat("Objectives missed", "count(mlreg_slo_met == 0) or vector(0)", "missed", red_at=1),
                stat("State of drift", "mlreg_drift_state == 1", "{{state}}"),
            ],
        ),
        (
            "Alerts",
            [
                table("Open alerts by rule", "mlreg_alerts"),
                graph("What happened to alerts", ("increase(mlreg_alert_events_total[1d])", "{{event}}")),
                graph("Messages that wait", ("mlreg_alert_messages_waiting", "{{channel}}")),
            ],
        ),
        (
            "Objectives",
            [
                graph("How late", ("mlreg_slo_seconds", "{{objective}}"), unit="s"),
                graph(
                    "Of what is allowed",
                    ("mlreg_slo_seconds / mlreg_slo_limit_seconds", "{{objective}}"),
                    unit="percentunit",
                ),
                graph(
                    "Age of the newest partition", ("time() - mlreg_newest_timestamp_seconds", "{{asset}}"), unit="s"
                ),
            ],
        ),
        (
            "Champion",
            [
                table("Who holds which alias", "mlreg_champion_info"),
                graph(
                    "Flagged share",
                    ("mlreg_flagged_ratio", "flagged"),
                    ("mlreg_flagged_limit_ratio", "{{bound}}"),
                    unit="percentunit",
                ),
                graph(
                    "How right it was",
                    ("mlreg_champion_precision_ratio", "precision of {{of}}"),
                    ("mlreg_champion_recall_ratio", "recall of {{of}}"),
                    unit="percentunit",
                ),
            ],
        ),
        (
            "Drift",
            [
                graph("Features: distance from quiet days", ("mlreg_drift_feature_zscore", "{{feature}} {{of}}")),
                graph("Features: null share", ("mlreg_drift_feature_null_ratio", "{{feature}}"), unit="percentunit"),
                table("Data quality", "mlreg_drift_quality"),
                graph("Concept: difference in recall", ("mlreg_drift_concept_difference", "{{kind}}")),
            ],
        ),
        (
            "Operation",
            [
                graph("Jobs whose last run failed", ("mlreg_job_last_run_failed", "{{job}}")),
                graph("Disk", ("mlreg_disk_free_bytes", "free"), ("mlreg_tables_bytes", "tables"), unit="bytes"),
                stat("Age of these numbers", "time() - mlreg_export_timestamp_seconds", unit="s", red_at=600),
                stat("Parts that could not be read", "sum(mlreg_part_unreadable)", red_at=1),
                graph(
                    "Versions", ("mlreg_versions", "{{status}}"), ("sum(mlreg_alias_moves_total)", "moves of aliases")
                ),
            ],
        ),
        *serving_rows(),
    ]


def serving_rows() -> list[tuple[str, list[Panel]]]:
    """Those of the servers of models."""
    asked = f"sum by (status) (rate(mlreg_server_requests_total{{{ASKED}}}[5m]))"
    failed = (
        f'sum(rate(mlreg_server_requests_total{{status=~"5..",{ASKED}}}[5m]))'
        f" / sum(rate(mlreg_server_requests_total{{{ASKED}}}[5m]))"
    )
    slow = f'1 - sum(rate({SLOWER}_bucket{{le="0.1",version!=""}}[5m])) / sum(rate({SLOWER}_count{{version!=""}}[5m]))'
    quantile = "histogram_quantile({of}, sum by (le) (rate(" + SLOWER + '_bucket{{version!=""}}[5m])))'
    memory = "process_resident_memory_bytes and on (instance) mlreg_server_ready"
    cpu = "rate(process_cpu_seconds_total[5m]) and on (instance) mlreg_server_ready"
    return [
        (
            "Servers now",
            [
                stat("Ready", "sum(mlreg_server_ready) or vector(0)"),
                stat("Requests failed, share of 5 minutes", f"{failed} or vector(0)", unit="percentunit", red_at=0.01),
                stat("Slower than 100 ms, share of 5 minutes", f"{slow} or vector(0)", unit="percentunit", red_at=0.05),
                stat("Age of knowledge", "max(time() - mlreg_server_knowledge_timestamp_seconds)", "", "s", red_at=60),
                stat("Registry can't be believed", "sum(mlreg_server_registry_problem)", red_at=1),
                stat("Versions that can't be loaded", "sum(mlreg_server_model_unloadable)", red_at=1),
            ],
        ),
        (
            "Servers: traffic",
            [
                graph("Requests a second by status", (asked, "{{status}}"), unit="reqps"),
                graph(
                    "Requests a second by version and role",
                    (
                        'sum by (version, role) (rate(mlreg_server_requests_total{version!=""}[5m]))',
                        "{{version}} {{role}}",
                    ),
                    unit="reqps",
                ),
                graph("Rows a second", ("sum by (version) (rate(mlreg_server_rows_total[5m]))", "{{version}}")),
            ],
        ),
        (
            "Servers: time and refusals",
            [
                graph(
                    "Time to the answer",
                    *((quantile.format(of=each), f"{float(each):.0%}") for each in ("0.5", "0.95", "0.99")),
                    unit="s",
                ),
                graph("Under way", ("mlreg_server_requests_in_flight", "{{instance}}")),
                graph("Refused", ("sum by (reason) (rate(mlreg_server_refused_total[5m])) > 0", "{{reason}}")),
                graph("Answers missing in the log", ("increase(mlreg_server_log_dropped_total[10m])", "{{instance}}")),
            ],
        ),
        (
            "Servers: what they serve",
            [
                table("Served versions", "mlreg_server_model_info"),
                graph(
                    "Since when the alias is held",
                    ("time() - max by (alias) (mlreg_server_model_effective_timestamp_seconds)", "{{alias}}"),
                    unit="s",
                ),
                graph(
                    "Age of the newest hour of features",
                    ("time() - mlreg_server_latest_hour_timestamp_seconds > 0", "{{instance}}"),
                    unit="s",
                ),
                graph("Memory", (memory, "{{instance}}"), unit="bytes"),
                graph("Cores in use", (cpu, "{{instance}}")),
            ],
        ),
        (
            "Servers: rollouts",
            [
                graph(
                    "Share of the candidate",
                    ("max by (alias, version) (mlreg_server_candidate_weight_ratio)", "{{alias}} {{version}}"),
                    unit="percentunit",
                ),
                graph(
                    "Change of traffic that is followed", ("mlreg_server_traffic_sequence", "{{instance}} {{alias}}")
                ),
                graph(
                    "Answers for the candidate to score",
                    ("sum by (outcome) (rate(mlreg_server_shadow_total[5m]))", "{{outcome}}"),
                    unit="reqps",
                ),
            ],
        ),
    ]


def dashboard() -> dict[str, Any]:
    """The dashboard, laid out row by row."""
    panels: list[Panel] = []
    top = 0
    for name, row in rows():
        panels.append(
            {"type": "row", "title": name, "collapsed": False, "panels": [], "gridPos": _at(0, top, WIDTH, 1)}
        )
        height, width = 4 if all(each["type"] == "stat" for each in row) else 8, WIDTH // len(row)
        panels += [each | {"gridPos": _at(width * place, top + 1, width, height)} for place, each in enumerate(row)]
        top += height + 1
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    variable = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "mlreg-dagster",
        "title": "mlreg-dagster",
        "tags": ["mlreg"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [variable]},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel(kind: str, title: str, queries: Any, unit: str) -> Panel:
    targets = [
        {"refId": chr(ord("A") + place), "expr": expr, "legendFormat": legend, "datasource": SOURCE}
        for place, (expr, legend) in enumerate(queries)
    ]
    return {
        "type": kind,
        "title": title,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
    }


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def main() -> None:
    """Write the file."""
    DASHBOARD.write_text(json.dumps(dashboard(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
