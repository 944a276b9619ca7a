"""`--json`: one object of a documented shape, for every command that prints facts."""

import json
import re

import pytest
from typer.main import get_command

from mlreg_dagster.cli import app
from mlreg_dagster.models.tuning.record import write_study
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.lifecycle import DUE_HOURS, LIVE_HOURS
from mlreg_dagster_tests.models.tuning.studies import a_study
from mlreg_dagster_tests.repository import PROJECT_DIR

DOCUMENTED = (PROJECT_DIR / "docs" / "json.md").read_text(encoding="utf-8")
WITHOUT = {
    "branch env",
    "env",
    "runbook",
    "keygen",
    "pages",
    "serve",
    "audit export",
    "audit schema",
    "policy approve",
    "people read",
    "schema",
}  # no facts, a text for a config file or for people, or JSON as it is
WHY = ("--reason", "a good reason")


def commands():
    for name, command in get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        yield from [(f"{name} {each}", inner[each]) for each in inner] if inner else [(name, command)]


def keys_of(name, of="command"):
    """The keys that docs/json.md documents for a command, or for a list or object, whose table comes second."""
    lines = DOCUMENTED.splitlines()
    for line in lines if of == "command" else reversed(lines):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 2 and f"`{name}`" in re.split(r", ", cells[0]):
            return set(re.findall(r"`([a-z_0-9]+)`", cells[1])) - {"ok", "waiting", "warning", "miss", "null"}
    raise AssertionError(f"docs/json.md does not document {name}.")


def test_every_command_that_prints_facts_can_print_them_as_json():
    for name, command in commands():
        has_it = any("--json" in option.opts for option in command.params)
        assert has_it == (name not in WITHOUT), name
        if has_it:
            assert keys_of(name)


@pytest.fixture
def ask(on_live):
    def call(*arguments, code=0):
        answer = on_live(*arguments, "--json")
        assert answer.code == code or code is None, answer
        found = json.loads(answer.out)
        assert set(found) == keys_of(arguments[0] if arguments[0] != "audit" else " ".join(arguments[:2]))
        return found

    return call


def assert_documented(name, facts):
    intervals = re.compile(r"_(low|high)$")
    for each in facts if isinstance(facts, list) else [facts]:
        assert {intervals.sub("", key) for key in each} == keys_of(name, "object"), name
    assert facts


def test_a_study(ask, own_home):
    write_study(open_artifacts(str(own_home / "artifacts")), a_study())
    found = ask("tune", "--show", "forest")
    assert (found["study"]["finished"], found["study"]["best"], found["version"]) == (3, 1, None)
    for name in ("trials", "measured"):
        assert_documented(name, found[name])


def test_what_is(ask):
    status = ask("status")
    for name in ("versions", "moves"):
        assert_documented(name, status[name])
    assert_documented("lead_times", status["lead_times"])
    (outcomes, *_) = status["outcomes"]
    assert {"model_version", "predictions", "recall", "lift"} <= set(outcomes)
    assert [version["aliases"] for version in status["versions"]] == [[], ["champion"], []]
    assert status["moves"] == ask("history")["moves"]
    assert_documented("flagged_share", [{key: status["flagged_share"][key] for key in status["flagged_share"]}])
    assert status["moves"][1:] == ask("champion")["moves"]
    assert status["moves"][0]["effective_at"] == "2026-01-05T00:00:00+00:00"
    log = ask("audit", "verify", code=1)  # no record has a witness: runs of this home are not known here
    assert log["records"] > 5
    assert_documented("signatures", log["signatures"])


def test_what_is_stored(ask):
    found = ask("audit", "data", "--table", "market_features", "--to", "2026-01-06T23:00")
    (table,) = found["tables"]
    assert_documented("table_audits", table)
    assert_documented("column_profiles", table["columns"])
    assert_documented("histograms", table["columns"][-1]["histogram"])
    assert found["faults"] == []


def test_what_an_incident_asks(ask):
    impact = ask("impact", "2026-01-03T05:00")
    for name in ("datasets", "reigns"):
        assert_documented(name, impact[name])
    assert_documented("versions_on_it", impact["versions"])
    assert_documented("evaluations_on_it", impact["versions"][0]["evaluations"])
    assert_documented("rows_on_it", [*impact["predictions"], *impact["outcomes"]])
    assert (impact["hour"], impact["instrument"]) == ("2026-01-03T05:00:00+00:00", None)
    found = ask("what-if", "v3", "--over", "2026-01-05T00:00..2026-01-05T23:00")
    assert_documented("sides", found["sides"])
    assert {"challenger", "pairs", "verdict"} <= set(found["as_flagged"])
    assert set(found["at_budget"]) == keys_of("at_budget", "object")
    assert set(found["at_budget"]["recall"]) == keys_of("paired_difference", "object")


@pytest.mark.slow
def test_what_is_done(ask):
    assert ask("train", "--model", "model_forest")["version"] == "v4"
    evaluation = ask("evaluate", "v3", code=1)
    assert evaluation["status"] == "rejected"
    assert_documented("evaluation", evaluation["evaluation"])
    assert_documented("gates", evaluation["evaluation"]["gates"])
    tried = ask("evaluations", "v3")
    assert_documented("attempts", tried["attempts"])
    assert tried["looks"]["evaluations"] >= len(tried["attempts"]) > 1
    assert_documented("reproduction", ask("retrain", "--verify", "v1")["reproduction"])
    decisions = ask("approve", "v1", *WHY, "--actor", "bert")["decisions"]
    assert_documented("decisions", decisions)
    assert decisions[0]["expires_at"] is None
    assert ask("promote", "v1", "--alias", "challenger", *WHY)["moves"][-1]["version"] == "v1"


@pytest.mark.slow
def test_what_is_compared(ask):
    found = ask("compare", "v1", "v2")
    assert_documented("on_holdout", found["on_holdout"])
    assert found["on_outcomes"] is None
    for job, hours in (("predictions_only", LIVE_HOURS[:4]), ("outcomes_only", DUE_HOURS[:4])):
        config = {"ops": {"predictions": {"config": {"versions": ["v1", "v2"]}}}} if "pred" in job else {}
        Runner().run_hours(job, hours, config)
    on_outcomes = ask("compare", "v1", "v2")["on_outcomes"]
    assert {"challenger", "champion", "pairs", "verdict", "informedness"} <= set(on_outcomes)
    assert set(on_outcomes["recall"]) == {"verdict", "difference", "low", "high", "samples", "reason"}


def test_what_is_scored(ask, live, tmp_path):
    rows = live.warehouse.query("SELECT * FROM market_features LIMIT 10")
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    found = ask("score", str(tmp_path / "rows.parquet"), "--out", str(tmp_path / "scores.parquet"))
    assert (found["version"], found["rows"], found["features_checked"]) == ("v2", 10, True)


def test_what_is_kept(ask, tmp_path):
    doctor = ask("doctor", code=1)
    assert_documented("findings", doctor["findings"])
    assert ask("prune", "--dry-run")["dry_run"] is True
    assert ask("report", "--out", str(tmp_path / "report"))["results"] >= 0
    bundle = ask("bundle", "v1", "--out", str(tmp_path / "bundle"), code=None)
    dossier = ask("dossier", "v1", "--out", str(tmp_path / "dossier"), code=1)
    assert_documented("to_write", dossier["to_write"])
    assert (bundle["state"] == "incomplete") == any(each["kind"] == "missing" for each in bundle["remarks"])


def test_a_refusal_prints_nothing_to_the_standard_output(on_live):
    answer = on_live("promote", "v3", *WHY, "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("mlreg: v3 failed its latest evaluation")
