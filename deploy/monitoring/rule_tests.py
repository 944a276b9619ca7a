#!/usr/bin/env python3
"""Writes the tests of the Prometheus rules, for promtool; run it after a change here or of the rules.

python deploy/monitoring/rule_tests.py
"""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
RULES = FOLDER / "rules.yml"
RULE_TESTS = FOLDER / "rules_test.yml"

_A, _CHAMPION = {"instance": "a:8809"}, {"alias": "champion"}
_INFER = "/v2/models/{model}/infer"
_REQUESTS = 'mlreg_server_requests_total{{status="{status}",route="{route}",version="v7",role="champion"}}'
_LATENCY = 'mlreg_server_request_duration_seconds_{part}{{{labels}route="/invocations",version="v7",role="champion"}}'

# Each rule: series that make it fire, how long they last, the labels that it then has; calm series that do not.
_FIRES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "MlregExportStale": ({"mlreg_export_timestamp_seconds": "0x60 7200x60"}, {}, {}),
    "MlregPartUnreadable": ({'mlreg_part_unreadable{part="tables"}': "1x60 0x60"}, {"part": "tables"}, {}),
    "MlregObjectiveMissed": ({'mlreg_slo_met{objective="outcomes"}': "0x60 1x60"}, {"objective": "outcomes"}, {}),
    "MlregSuspended": ({'mlreg_suspended{instance="a:8809",alias="champion"}': "1x60 0x60"}, _CHAMPION, {}),
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
    "MlregServerDown": ({'mlreg_server_ready{instance="a:8809"}': "0x60 1x60"}, {}, {}),
    "MlregServerNotReady": (
        {'mlreg_server_ready{instance="a:8809"}': "0x60 1x60"}, _A, {'mlreg_server_ready{instance="b:8809"}': "1x130"},
    ),
    "MlregServerKnowledgeStale": (
        {'mlreg_server_knowledge_timestamp_seconds{instance="a:8809"}': "0x60 3660+60x60"}, _A, {},
    ),
    "MlregServerModelUnloadable": (
        {'mlreg_server_model_unloadable{instance="a:8809",alias="champion"}': "1x60 0x60"}, _A | _CHAMPION, {},
    ),
    "MlregServerCandidateUnloadable": (
        {'mlreg_server_candidate_unloadable{instance="a:8809",alias="champion"}': "1x60 0x60"}, _A | _CHAMPION, {},
    ),
    "MlregServerCountsProblem": (
        {'mlreg_server_rollout_counts_problem{instance="a:8809"}': "1x60 0x60"}, _A, {},
    ),
    "MlregServersDisagree": (
        {
            'mlreg_server_model_info{instance="a:8809",alias="champion",version="v6"}': "1x60 _x60",
            'mlreg_server_model_info{instance="a:8809",alias="champion",version="v7"}': "_x60 1x60",
        },
        _CHAMPION,
        {'mlreg_server_model_info{instance="b:8809",alias="champion",version="v7"}': "1x130"},
    ),
    "MlregServerErrors": (
        {_REQUESTS.format(status=503, route=_INFER): "0+66x60 3960+0x60"},
        {},
        {_REQUESTS.format(status=200, route=_INFER): "0+34x130"},
    ),
    "MlregServerSlow": (
        {_LATENCY.format(part="bucket", labels='le="0.1",'): "0+34x60 2040+100x60"},
        {},
        {_LATENCY.format(part="count", labels=""): "0+100x130"},
    ),
    "MlregServerLogDrops": ({'mlreg_server_log_dropped_total{instance="a:8809"}': "0+1x60 60x60"}, _A, {}),
}  # fmt: skip
_LATE = {"MlregFlaggedShare": 85, "MlregMessagesWait": 85}
_SEVERITY = {
    "MlregSuspended",
    "MlregPredictionsLate",
    "MlregPage",
    "MlregDiskLow",
    "MlregServerDown",
    "MlregServerErrors",
}

# Further series on which a rule is silent or fires: the rule, what it is about, series, minute, whether it fires.
_EDGES: list[tuple[str, str, dict[str, str], int, bool]] = [
    ("MlregServerDown", "all servers are gone", {'mlreg_server_ready{instance="a:8809"}': "1x30 stale"}, 60, True),
    ("MlregServerDown", "there never was a server", {"mlreg_export_timestamp_seconds": "0+60x120"}, 60, False),
    (
        "MlregServerDown",
        "one server of two is left",
        {'mlreg_server_ready{instance="a:8809"}': "1x120", 'mlreg_server_ready{instance="b:8809"}': "0x120"},
        60,
        False,
    ),
    (
        "MlregServerErrors",
        "two errors on a quiet day",
        {
            _REQUESTS.format(status=503, route=_INFER): "0x50 1 2x60",
            _REQUESTS.format(status=200, route=_INFER): "0+1x120",
        },
        56,
        False,
    ),
    (
        "MlregServerErrors",
        "probes of a server that is not ready",
        {
            _REQUESTS.format(status=503, route="/v2/health/ready"): "0+60x120",
            _REQUESTS.format(status=200, route=_INFER): "0+60x120",
        },
        60,
        False,
    ),
    (
        "MlregServerSlow",
        "few requests, slow ones",
        {
            _LATENCY.format(part="bucket", labels='le="0.1",'): "0x120",
            _LATENCY.format(part="count", labels=""): "0+10x120",
        },
        60,
        False,
    ),
]


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
    for name, about, series, at, fires in _EDGES:
        expected = {"exp_labels": {"severity": "page" if name in _SEVERITY else "ticket"}, **_annotations(name, known)}
        tests.append(
            {
                "name": f"{name}: {about}",
                "interval": "1m",
                "input_series": [{"series": key, "values": values} for key, values in series.items()],
                "alert_rule_test": [
                    {"eval_time": f"{at}m", "alertname": name, "exp_alerts": [expected] if fires else []}
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
    "{{ $labels.instance }}": "a:8809",
    "{{ $labels.alias }}": "champion",
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
        'mlreg_suspended{instance="a:8809",alias="champion"}': "0x120",
        'mlreg_drift_state{state="stable"}': "1x120",
        'mlreg_drift_state{state="watch"}': "0x120",
        'mlreg_job_last_run_failed{job="hourly"}': "0x120",
        'mlreg_alert_oldest_waiting_timestamp_seconds{channel="ops"}': "0+60x120",
        'mlreg_alerts{rule="run_failed",severity="ticket",state="firing"}': "1x120",
        "mlreg_disk_free_bytes": "1e11x120",
        "mlreg_tables_bytes": "1e8x120",
        'mlreg_server_ready{instance="a:8809"}': "1x120",
        'mlreg_server_knowledge_timestamp_seconds{instance="a:8809"}': "0+60x120",
        'mlreg_server_model_unloadable{instance="a:8809",alias="champion"}': "0x120",
        'mlreg_server_model_info{instance="a:8809",alias="champion",version="v7"}': "1x120",
        'mlreg_server_model_info{instance="b:8809",alias="champion",version="v7"}': "1x120",
        'mlreg_server_candidate_unloadable{instance="a:8809",alias="champion"}': "0x120",
        'mlreg_server_rollout_counts_problem{instance="a:8809"}': "0x120",
        'mlreg_server_traffic_sequence{instance="a:8809",alias="champion"}': "4x120",
        'mlreg_server_traffic_sequence{instance="b:8809",alias="champion"}': "4x120",
        _REQUESTS.format(status=200, route=_INFER): "0+6000x120",
        _REQUESTS.format(status=503, route=_INFER): "0+30x120",
        _REQUESTS.format(status=422, route=_INFER): "0+3000x120",
        _LATENCY.format(part="bucket", labels='le="0.1",'): "0+6000x120",
        _LATENCY.format(part="count", labels=""): "0+6200x120",
        'mlreg_server_log_dropped_total{instance="a:8809"}': "7x120",
    }
    return [{"series": series, "values": values} for series, values in calm.items()]


def _silent(known: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"eval_time": "110m", "alertname": name, "exp_alerts": []} for name in known]


def main() -> None:
    """Write the file."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    head = "# Written by rule_tests.py: each rule fires, is silent without its cause, and is over once the cause is.\n"
    RULE_TESTS.write_text(head + yaml.safe_dump(rule_tests(rules), sort_keys=False, width=110), encoding="utf-8")


if __name__ == "__main__":
    main()
