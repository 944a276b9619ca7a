"""What is deployed beside Prometheus and Grafana: rules that fire and end, queries of metrics that exist."""

import copy
import importlib.util
import json
import re
import shutil
import subprocess

import pytest
import yaml

from mlreg_dagster.monitoring.alerts.rules import RULES
from mlreg_dagster.monitoring.metrics.declared import METRICS
from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.serving.exported import full_exposition, server_families

FOLDER = PROJECT_DIR / "deploy" / "monitoring"
RUNBOOK = PROJECT_DIR / "docs" / "runbook.md"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")


SERVER = server_families(full_exposition())
TARGET = {"instance", "job"}  # labels that Prometheus adds to every series


def script(name: str):
    spec = importlib.util.spec_from_file_location(f"monitoring_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def build():
    return script("dashboard")


@pytest.fixture(scope="module")
def rules():
    return yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))


def rules_in(rules) -> dict:
    return {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}


def promtool(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, cwd=FOLDER)


def labels_of(name: str) -> set[str]:
    """The labels of an exported metric."""
    return set(METRICS[name].labels) if name in METRICS else SERVER[name]


def selectors(expr: str) -> list[tuple[str, set[str]]]:
    """Metrics that a query names, with the labels that it selects by."""
    return [
        (name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", braces or "")))
        for name, braces in re.findall(r"\b(mlreg_\w+)(\{[^}]*\})?", expr)
    ]


def expressions(build, rules) -> list[str]:
    panels = build.dashboard()["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return queries + [rule["expr"] for rule in rules_in(rules).values()]


def test_every_query_names_metrics_and_labels_that_exist(build, rules):
    named = [each for expr in expressions(build, rules) for each in selectors(expr)]
    assert len(named) > 30
    for name, labels in named:
        assert name in METRICS or name in SERVER
        assert labels <= labels_of(name), name
    assert all(selectors(expr) for expr in expressions(build, rules))


def test_legends_name_labels_that_exist(build):
    for panel in build.dashboard()["panels"]:
        for target in panel.get("targets", ()):
            known = {label for name, _ in selectors(target["expr"]) for label in labels_of(name)} | TARGET
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_every_metric_is_shown_or_watched(build, rules):
    named = {name for expr in expressions(build, rules) for name, _ in selectors(expr)}
    identifying = {"mlreg_build_info", "mlreg_champion_since_timestamp_seconds", "mlreg_scored_rows"}
    identifying |= {"mlreg_drift_day_timestamp_seconds", "mlreg_drift_quality_limit"}
    identifying |= {"mlreg_server_build_info", "mlreg_server_request_duration_seconds_sum"}
    assert (set(METRICS) | set(SERVER)) - named <= identifying


def test_the_files_are_what_the_code_builds(build, rules):
    assert json.loads(build.DASHBOARD.read_text(encoding="utf-8")) == build.dashboard()
    tests = script("rule_tests")
    assert yaml.safe_load(tests.RULE_TESTS.read_text(encoding="utf-8")) == tests.rule_tests(rules)


def test_the_dashboard_is_whole(build):
    board = build.dashboard()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [variable["type"] for variable in board["templating"]["list"]] == ["datasource"]
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels if panel["type"] != "row")
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_every_rule_has_a_severity_a_summary_and_tests(rules):
    tested = {test["name"] for test in yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]}
    for name, rule in rules_in(rules).items():
        assert rule["labels"]["severity"] in {"ticket", "page"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert name in tested
        for named in re.findall(r"Alert (\w+)", rule["annotations"]["description"]):
            assert named in RULES
        if name.startswith("MlregServer"):
            assert rule["annotations"]["description"].endswith(f"Runbook: {name}.")
            assert f"\n### {name}\n" in RUNBOOK.read_text(encoding="utf-8")


@needs_promtool
def test_promtool_finds_no_fault_in_the_rules():
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml")
    assert answer.returncode == 0, answer.stderr


@needs_promtool
def test_promtool_finds_no_fault_in_what_a_server_exports():
    answer = subprocess.run([PROMTOOL, "check", "metrics"], input=full_exposition(), capture_output=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


@needs_promtool
def test_each_rule_fires_is_silent_and_ends():
    answer = promtool("test", "rules", "rules_test.yml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@needs_promtool
@pytest.mark.parametrize("always", [0, 1])
def test_the_tests_of_the_rules_see_one_that_never_fires_or_always(tmp_path, rules, always):
    other = copy.deepcopy(rules)
    for rule in rules_in(other).values():
        rule |= {"expr": f"vector({always}) > 0", "for": "0s"}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(other))
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())
    tests["tests"] = tests["tests"][:1] if always else tests["tests"][1:]  # the first is of nothing wrong
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(tests))
    answer = subprocess.run([PROMTOOL, "test", "rules", "rules_test.yml"], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode != 0
    assert set(re.findall(r"alertname: (\w+)", answer.stdout + answer.stderr)) == set(rules_in(rules))


@needs_promtool
def test_promtool_can_read_every_query_of_the_dashboard(build, tmp_path):
    exprs = [target["expr"] for panel in build.dashboard()["panels"] for target in panel.get("targets", ())]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    answer = promtool("check", "rules", "--lint=none", tmp_path / "panels.yml")
    assert answer.returncode == 0, answer.stderr
