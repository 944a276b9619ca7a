"""`mlreg retrain`: a training outside of the schedule says why, and its version keeps it."""

import json

import pytest

REASON = "the exchange listed forty coins"


def test_a_version_is_trained_and_evaluated_for_a_reason_that_it_keeps(on_live, registry):
    before = registry.holder("champion").version
    answer = on_live("retrain", "--model", "model_forest", "--reason", REASON, "--json")
    found = json.loads(answer.out)
    assert (found["version"], found["status"]) == ("v4", registry.status("v4"))
    assert answer.code == (0 if found["evaluation"]["passed"] else 1)
    cause = registry.version("v4").manifest["cause"]
    assert cause == found["cause"] == {"trigger": "manual", "key": cause["key"], "reason": REASON}
    assert cause["key"].startswith("manual-")
    assert registry.holder("champion").version == before
    assert on_live("retrain", "--verify", "v4").code == 0  # the same bytes, with the cause in them


def test_versions_that_are_trained_without_a_cause_keep_none(on_live, registry):
    assert on_live("train", "--model", "model_forest").code == 0
    assert "cause" not in registry.version("v4").manifest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Write --reason"),
        (["--reason", REASON, "--verify", "v1"], "Write --reason"),
        (["--reason", "TODO"], "is no reason but a placeholder"),
        (["--reason", REASON, "--model", "model_none"], "There is no model_none.yaml"),
        (["--reason", REASON, "--dataset", "2025-01-01"], "No training dataset is frozen for '2025-01-01'"),
    ],
)
def test_what_can_not_be_trained_is_refused_and_uses_no_version(on_trained, registry, arguments, says):
    answer = on_trained("retrain", *arguments)
    assert (answer.code, answer.out) == (1, "")
    assert says in answer.err
    assert [version.version for version in registry.versions()] == ["v1", "v2", "v3"]
