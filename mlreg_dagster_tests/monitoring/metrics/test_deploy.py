"""What is deployed beside Prometheus and Grafana: rules that fire and end, queries of metrics that exist."""

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

FOLDER = PROJECT_DIR / "deploy" / "monitoring"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("monitoring_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rules():
    return yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))


def rules_in(rules) -> dict:
    return {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}


def promtool(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, cwd=FOLDER)


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
        assert name in METRICS
        assert labels <= set(METRICS[name].labels), name
    assert all(selectors(expr) for expr in expressions(build, rules))


def test_legends_name_labels_that_exist(build):
    for panel in build.dashboard()["panels"]:
        for target in panel.get("targets", ()):
            known = {label for name, _ in selectors(target["expr"]) for label in METRICS[name].labels}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_every_metric_is_shown_or_watched(build, rules):
    named = {name for expr in expressions(build, rules) for name, _ in selectors(expr)}
    identifying = {"mlreg_build_info", "mlreg_champion_since_timestamp_seconds", "mlreg_scored_rows"}
    identifying |= {"mlreg_drift_day_timestamp_seconds", "mlreg_drift_quality_limit"}
    assert set(METRICS) - named <= identifying


def test_the_files_are_what_the_code_builds(build, rules):
    assert json.loads(build.DASHBOARD.read_text(encoding="utf-8")) == build.dashboard()
    assert yaml.safe_load(build.RULE_TESTS.read_text(encoding="utf-8")) == build.rule_tests(rules)


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


@needs_promtool
def test_promtool_finds_no_fault_in_the_rules():
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml")
    assert answer.returncode == 0, answer.stderr


@needs_promtool
def test_each_rule_fires_is_silent_and_ends():
    answer = promtool("test", "rules", "rules_test.yml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@needs_promtool
def test_the_tests_of_the_rules_see_a_rule_that_never_fires(tmp_path):
    for name in ("rules.yml", "rules_test.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    text = (tmp_path / "rules.yml").read_text()
    (tmp_path / "rules.yml").write_text(text.replace("mlreg_part_unreadable == 1", "mlreg_part_unreadable == 2"))
    answer = subprocess.run([PROMTOOL, "test", "rules", "rules_test.yml"], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode != 0
    assert "MlregPartUnreadable" in answer.stdout + answer.stderr


@needs_promtool
def test_promtool_can_read_every_query_of_the_dashboard(build, tmp_path):
    exprs = [target["expr"] for panel in build.dashboard()["panels"] for target in panel.get("targets", ())]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    answer = promtool("check", "rules", "--lint=none", tmp_path / "panels.yml")
    assert answer.returncode == 0, answer.stderr
