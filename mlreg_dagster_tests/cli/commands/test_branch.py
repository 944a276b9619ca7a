"""`mlreg branch`: what is done in a branch leaves production as it is; a version comes back and is judged again."""

import json
import shutil

import pytest
import yaml

from mlreg_dagster_tests.operations.branches.test_creation import of_production
from mlreg_dagster_tests.operations.conftest import content_of

WHY = ("--reason", "a detector is tried")


@pytest.fixture
def on(on_live, own_home, monkeypatch, dagster_home):
    """Call `mlreg` on a branch of the live home, by its name, or on `prod`."""

    def call(name, *arguments):
        monkeypatch.setenv("MLREG_HOME", str(own_home if name == "prod" else own_home / "branches" / name))
        monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))  # production's, as a shell has it: a branch takes its own
        return on_live(*arguments)

    return call


def found(answer, code=0):
    assert answer.code == code, answer
    return json.loads(answer.out)


@pytest.fixture
def staging(on):
    return found(on("prod", "branch", "create", "staging", "--from", "prod", "--json"))


def test_a_branch_is_made_listed_entered_and_deleted(on, staging, own_home, dagster_home, tmp_path):
    home = own_home / "branches" / "staging"
    assert (staging["name"], staging["home"], staging["versions"]) == ("staging", str(home), ["v1", "v2", "v3"])
    assert staging["tables"]["market_snapshot"]["hours"] == 144
    assert [each["name"] for each in found(on("prod", "branch", "list", "--json"))["branches"]] == ["staging"]
    environment = on("prod", "branch", "env", "staging").out.splitlines()
    assert environment == [
        f"export MLREG_HOME={home}",
        f"export DAGSTER_HOME={home}/dagster",
        f"export MLREG_CONFIG_DIR={tmp_path}/configs",
    ]
    before, runs = of_production(own_home), content_of(dagster_home)
    findings = {each["name"]: each["state"] for each in found(on("staging", "doctor", "--json"))["findings"]}
    assert "miss" not in findings.values(), findings
    assert found(on("staging", "audit", "verify", "--json"))["restores"]
    refused = on("staging", "branch", "list")
    assert (refused.code, refused.out) == (1, "")
    assert f"MLREG_HOME={own_home}" in refused.err
    assert "is a branch" in on("staging", "backup", "create", str(tmp_path / "backups")).err
    assert "Nothing was deleted" in on("prod", "branch", "delete", "staging", *WHY, "--confirm", "prod").err
    assert "There is no branch 'none'" in on("prod", "branch", "diff", "none").err
    assert "'live'" in on("prod", "branch", "create", "b", "--from", "live").err
    found(on("prod", "branch", "delete", "staging", "--confirm", "staging", "--json"))
    assert found(on("prod", "branch", "list", "--json")) == {"branches": [], "not_branches": []}
    assert of_production(own_home) == before
    assert content_of(dagster_home) == runs


@pytest.mark.slow
@pytest.mark.usefixtures("staging")
def test_a_version_of_staging_is_judged_again_and_promoted_in_production(
    on, own_home, dagster_home, tmp_path, monkeypatch
):
    places = {"REGISTRY": "registry.sqlite", "ARTIFACTS": "artifacts", "LATEST": "latest", "SERVING_KEYS": "keys.json"}
    for name, place in places.items():  # production's, as its shell may have them
        monkeypatch.setenv(f"MLREG_{name}", str(own_home / place))
    before, runs = of_production(own_home), content_of(dagster_home)
    train = ("train", "--model", "model_lof", "--set", "params.n_neighbors=25", "--json")
    assert found(on("staging", *train))["version"] == "v4"
    assert found(on("staging", "evaluate", "v4", "--json"))["status"] == "evaluated"
    configs = shutil.copytree(tmp_path / "configs", tmp_path / "of-staging")
    (configs / "promotion.yaml").write_text(yaml.safe_dump({"max_evaluation_age_days": 999}))
    with monkeypatch.context() as its_own:
        its_own.setenv("MLREG_CONFIG_DIR", str(configs))
        assert on("staging", "policy", "adopt", *WHY).code == 0
        assert found(on("staging", "promote", "v4", *WHY, "--json"))["moves"][-1]["version"] == "v4"
    for command in ("prune", "upgrade", "keys add reader --scope score"):
        assert on("staging", *command.split()).code == 0
    assert found(on("staging", "audit", "verify", "--json"))["records"]
    assert of_production(own_home) == before
    assert content_of(dagster_home) == runs

    difference = found(on("prod", "branch", "diff", "staging", "--json"))["difference"]
    assert difference["shares_log"]
    assert (difference["versions"]["v4"]["branch"]["status"], difference["versions"]["v4"]["prod"]) == (
        "evaluated",
        None,
    )
    assert difference["aliases"] == {"champion": {"branch": "v4", "prod": "v2"}}
    assert difference["policy"] is not None
    assert difference["records"]["alias_events"] == {"branch": 1, "prod": None}
    assert difference["configs"] == []
    assert not [name for name in difference["tables"] if name.startswith("market_")]

    there = content_of(own_home / "branches")
    sent = found(on("prod", "branch", "send", "v4", "--from", "staging", *WHY, "--json"))
    assert (sent["status"], sent["was_there"], sent["arrived"]) == ("evaluated", False, ["models/v4"])
    assert (sent["origin"]["branch"], sent["origin"]["sent_by"]) == ("staging", "anna")
    assert sent["artifact_sha256"] == difference["versions"]["v4"]["branch"]["artifact_sha256"]
    assert found(on("prod", "branch", "send", "v4", "--from", "staging", *WHY, "--json"))["was_there"]
    assert content_of(own_home / "branches") == there
    back = ("branch", "send", "v1", "--from", "prod", "--to", "staging", *WHY, "--json")
    assert found(on("prod", *back))["was_there"]
    assert found(on("prod", "champion", "--json"))["moves"][-1]["version"] == "v2"
    assert found(on("prod", "promote", "v4", *WHY, "--json"))["moves"][-1]["version"] == "v4"
    assert found(on("prod", "audit", "verify", "--json"))["records"]
