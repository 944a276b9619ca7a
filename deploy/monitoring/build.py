#!/usr/bin/env python3
"""Writes the Grafana dashboard and the tests of the Prometheus rules; run it after a change here or of the metrics.

python deploy/monitoring/build.py
"""

import json
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
DASHBOARD = FOLDER / "dashboard.json"
RULE_TESTS = FOLDER / "rules_test.yml"

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24

Panel = dict[str, Any]


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


# Each rule: series that make it fire, how long they last, the labels that it then has; calm series that do not.
_FIRES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "MlregExportStale": ({"mlreg_export_timestamp_seconds": "0x60 7200x60"}, {}, {}),
    "MlregPartUnreadable": ({'mlreg_part_unreadable{part="tables"}': "1x60 0x60"}, {"part": "tables"}, {}),
    "MlregObjectiveMissed": ({'mlreg_slo_met{objective="outcomes"}': "0x60 1x60"}, {"objective": "outcomes"}, {}),
    "MlregPredictionsLate": (
        {'mlreg_slo_seconds{objective="predictions"}': "9000x60 60x60"},
        {"objective": "predictions"},
        {'mlreg_slo_limit_seconds{objective="predictions"}': "7200x130"},
    ),
    "MlregFlaggedShare": (
        {"mlreg_flagged_ratio": "0.66x90 0.05x60"},
        {},
        {'mlreg_flagged_limit_ratio{bound="least"}': "0.02x160", 'mlreg_flagged_limit_ratio{bound="most"}': "0.2x160"},
    ),
    "MlregDrift": ({'mlreg_drift_state{state="watch"}': "1x60 0x60"}, {"state": "watch"}, {}),
    "MlregJobFailed": ({'mlreg_job_last_run_failed{job="hourly"}': "1x60 0x60"}, {"job": "hourly"}, {}),
    "MlregMessagesWait": (
        {'mlreg_alert_oldest_waiting_timestamp_seconds{channel="ops"}': "0x90 6000x60"}, {"channel": "ops"}, {},
    ),
    "MlregPage": (
        {'mlreg_alerts{rule="disk_low",severity="page",state="firing"}': "1x60 0x60"}, {"rule": "disk_low"}, {},
    ),
    "MlregDiskLow": ({"mlreg_disk_free_bytes": "1e8x60 1e11x60"}, {}, {"mlreg_tables_bytes": "1e6x130"}),
}  # fmt: skip
_LATE = {"MlregFlaggedShare": 85, "MlregMessagesWait": 85}
_SEVERITY = {"MlregPredictionsLate", "MlregPage", "MlregDiskLow"}


def rule_tests(rules: dict[str, Any]) -> dict[str, Any]:
    """Of each rule: it is silent at first or without its cause, fires, and is over once the cause is."""
    known = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
    tests = [{"name": "nothing is wrong", "interval": "1m", "input_series": _calm(), "alert_rule_test": _silent(known)}]
    for name, (series, labels, beside) in _FIRES.items():
        at = _LATE.get(name, 50)
        expected = {"exp_labels": {"severity": "page" if name in _SEVERITY else "ticket", **labels}}
        tests.append(
            {
                "name": name,
                "interval": "1m",
                "input_series": [{"series": key, "values": values} for key, values in (series | beside).items()],
                "alert_rule_test": [
                    {"eval_time": f"{at}m", "alertname": name, "exp_alerts": [expected | _annotations(name, known)]},
                    {"eval_time": f"{at + 30}m", "alertname": name, "exp_alerts": []},
                ],
            }
        )
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}


_WORDS = {
    "{{ $labels.part }}": "tables",
    "{{ $labels.objective }}": "outcomes",
    "{{ $labels.state }}": "watch",
    "{{ $labels.job }}": "hourly",
    "{{ $labels.channel }}": "ops",
    "{{ $labels.rule }}": "disk_low",
    "{{ $value | humanizeDuration }}": "2h 30m 0s",
    "{{ $value | humanizePercentage }}": "66%",
    "{{ $value | humanize1024 }}": "95.37Mi",
}


def _annotations(name: str, known: dict[str, Any]) -> dict[str, Any]:
    texts = dict(known[name]["annotations"])
    for template, word in _WORDS.items():
        texts = {key: text.replace(template, word) for key, text in texts.items()}
    return {"exp_annotations": texts}


def _calm() -> list[dict[str, str]]:
    calm = {
        "mlreg_export_timestamp_seconds": "0+60x120",
        'mlreg_part_unreadable{part="tables"}': "0x120",
        'mlreg_slo_met{objective="outcomes"}': "1x120",
        'mlreg_slo_met{objective="predictions"}': "1x120",
        'mlreg_slo_seconds{objective="predictions"}': "3600x120",
        'mlreg_slo_limit_seconds{objective="predictions"}': "7200x120",
        "mlreg_flagged_ratio": "0.05x120",
        'mlreg_flagged_limit_ratio{bound="least"}': "0.02x120",
        'mlreg_flagged_limit_ratio{bound="most"}': "0.2x120",
        'mlreg_drift_state{state="stable"}': "1x120",
        'mlreg_drift_state{state="watch"}': "0x120",
        'mlreg_job_last_run_failed{job="hourly"}': "0x120",
        'mlreg_alert_oldest_waiting_timestamp_seconds{channel="ops"}': "0+60x120",
        'mlreg_alerts{rule="run_failed",severity="ticket",state="firing"}': "1x120",
        "mlreg_disk_free_bytes": "1e11x120",
        "mlreg_tables_bytes": "1e8x120",
    }
    return [{"series": series, "values": values} for series, values in calm.items()]


def _silent(known: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"eval_time": "110m", "alertname": name, "exp_alerts": []} for name in known]


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
    """Write both files."""
    rules = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))
    DASHBOARD.write_text(json.dumps(dashboard(), indent=1) + "\n", encoding="utf-8")
    head = "# Written by build.py: each rule fires, is silent without its cause, and is over once the cause is.\n"
    RULE_TESTS.write_text(head + yaml.safe_dump(rule_tests(rules), sort_keys=False, width=110), encoding="utf-8")


if __name__ == "__main__":
    main()
