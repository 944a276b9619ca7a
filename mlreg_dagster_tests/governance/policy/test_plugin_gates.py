"""A plug-in's gate that is in force and was not measured admits nothing, but for a way back."""

from types import SimpleNamespace

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, Settings, UseCaseSettings
from mlreg_dagster.config.sections.evaluation import GateBounds
from mlreg_dagster.extensions import gate, isolated
from mlreg_dagster.governance.policy.facts import facts_of
from mlreg_dagster.governance.policy.in_force import Rules, differences, rules_of
from mlreg_dagster.governance.policy.judgement import judge
from mlreg_dagster.registry import Attribution, Dossier, Evaluation, GateResult, ModelVersion

NOW = pd.Timestamp("2026-03-01 12:30", tz="UTC")
VERSION = ModelVersion("v7", NOW, "tom", None, "isolation_forest", "2026-02-27", "d" * 64, "a" * 64, {})
OWN = EvaluationSettings(gates={"own_gate": GateBounds(at_least=0.1)})


def verdict(evaluation, *, measured=(), moves=()):
    gates = tuple(GateResult(name, True, 0.2, "at least 0.1", "fine") for name in ("score_gap", *measured))
    thresholds = evaluation.model_dump(mode="json")
    known = Evaluation(3, "v7", "a" * 64, "h" * 64, True, gates, {}, thresholds, NOW, "tom", None)
    policy = PromotionSettings()
    dossier = Dossier("champion", VERSION, [known], [], [], list(moves), None)
    rules = Rules(policy, UseCaseSettings(), evaluation)
    facts = facts_of(dossier, rules, known, Attribution("pia", NOW), matured_outcomes=lambda: 5, worth=tuple)
    return judge(facts, policy.low, policy)


def test_a_gate_that_was_not_measured_refuses_and_is_named():
    assert verdict(OWN, measured=["own_gate"]).outcome == "promote"
    found = verdict(OWN)
    assert (found.outcome, found.reasons) == (
        "refuse",
        ("own_gate was not measured; evaluate it again under this policy",),
    )


def test_the_way_back_stays_open():
    held = SimpleNamespace(version="v7", previous_version=None, evaluation_id=3, evidence={})
    moves = [held, SimpleNamespace(version="v8", previous_version="v7")]
    assert verdict(OWN, moves=moves).outcome == "promote"


@pytest.mark.parametrize("installed_first", [True, False])
def test_a_gate_that_comes_or_goes_is_a_change_of_the_policy(installed_first):
    without = rules_of(Settings())
    with isolated():
        gate("own_gate", "Is it own?", at_least=0.1)(lambda _: 1.0)
        with_it = rules_of(Settings())
    in_force, files = (with_it, without) if installed_first else (without, with_it)
    found = differences(in_force, files)
    assert any(each.startswith("evaluation.gates.own_gate.at_least: ") for each in found)
    assert with_it.evaluation.gates["own_gate"].at_least == 0.1


def test_without_plug_ins_the_policy_is_recorded_as_before():
    assert "gates" not in rules_of(Settings()).content["evaluation"]
