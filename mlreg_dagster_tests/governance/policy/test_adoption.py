"""The policy in force is a record: changed by a decision of its own, which needs what the policy before asks for."""

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.governance.decisions.authority import DecisionRefused
from mlreg_dagster.governance.decisions.signing import make_key
from mlreg_dagster.governance.policy.adoption import AdoptionRefused, adopt, approve_change
from mlreg_dagster.governance.policy.in_force import (
    PolicyNotAdopted,
    Rules,
    differences,
    recorded_rules,
    require_adopted,
)
from mlreg_dagster.registry import AliasConflict, Attribution, Registry

NOW = pd.Timestamp("2026-03-10 12:30", tz="UTC")
MINUTE = pd.Timedelta(minutes=1)


@pytest.fixture
def registry(tmp_path):
    return Registry(f"sqlite:///{tmp_path}/registry.sqlite")


def rules(risk_tier="low", evaluation=None, **promotion):
    return Rules(
        PromotionSettings(**promotion), UseCaseSettings(risk_tier=risk_tier), evaluation or EvaluationSettings()
    )


LAX = rules(evaluation=EvaluationSettings(max_anomaly_rate=1.0))


class People:
    """Who asks for changes of one registry's policy, a minute apart."""

    def __init__(self, registry, keys=None):
        self.registry, self.keys, self.now = registry, keys or {}, NOW

    def adopt(self, files, actor="pia", **changes):
        return self._do(adopt, files, actor, changes)

    def approve(self, files, actor, **changes):
        return self._do(approve_change, files, actor, changes)

    def _do(self, what, files, actor, changes):
        self.now += MINUTE
        by = Attribution(actor, self.now, changes.get("reason", "the season is over"))
        return what(self.registry, files, by, changes.get("key", self.keys.get(actor)))


@pytest.fixture
def people(registry):
    def begin(in_force, keys=None):
        registry.record_first_policy(in_force.content, NOW)
        return People(registry, keys)

    return begin


def in_force(registry):
    return recorded_rules(registry.policy_in_force())


def test_a_registry_begins_with_the_policy_of_the_files(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/new.sqlite", lambda: (LAX.content, NOW))
    registry.versions()
    (first,) = registry.policies()
    assert (first.actor, first.previous_sha256, first.recorded_at) == ("registry", None, NOW)
    assert recorded_rules(first) == LAX
    assert registry.find_tampering() is None
    assert registry.record_first_policy(rules().content, NOW) == first  # there is one already


def test_what_differs_is_named_and_promotes_nothing():
    with pytest.raises(PolicyNotAdopted, match=r"evaluation.max_anomaly_rate: 0.2 → 1.0.*mlreg policy adopt --reason"):
        require_adopted(rules(), LAX)
    require_adopted(LAX, LAX)
    assert differences(rules(), rules(risk_tier="high")) == ["use_case.risk_tier: low → high"]


def test_where_nobody_is_named_a_reason_is_enough_and_stays_on_record(people, registry):
    asked = people(rules())
    with pytest.raises(AdoptionRefused, match="too short"):
        asked.adopt(LAX, reason="x")
    record = asked.adopt(LAX)
    assert in_force(registry) == LAX
    assert (record.actor, record.reason) == ("pia", "the season is over")
    assert record.previous_sha256 == registry.policies()[0].content_sha256
    with pytest.raises(AdoptionRefused, match="nothing to adopt"):
        asked.adopt(LAX)
    assert registry.find_tampering() is None


LOWERED = [
    rules(), LAX, rules(risk_tier="high", high={"approvals": 0}), rules("high", separation_of_duties=False),
]  # fmt: skip


@pytest.mark.parametrize("files", LOWERED)
def test_a_high_tier_is_lowered_by_as_many_as_it_asks_of_a_version(people, registry, files):
    asked = people(rules(risk_tier="high"))
    for missing, actor in (("0 of 2", "anna"), ("1 of 2", "pia"), ("1 of 2", "bert")):
        with pytest.raises(AdoptionRefused, match=f"{missing} approvals by others"):
            asked.adopt(files)
        asked.approve(files, actor)  # pia adopts, so her own approval does not count
    assert asked.adopt(files).approved_by == ("anna", "bert")
    assert in_force(registry) == files


def test_approvals_are_of_one_change_of_one_policy(people, registry):
    asked = people(rules(risk_tier="high", high={"approvals": 1}))
    asked.approve(LAX, "anna")
    other = rules(min_reason_length=1)
    with pytest.raises(AdoptionRefused, match="0 of 1"):
        asked.adopt(other)
    asked.approve(other, "anna")
    asked.adopt(other)
    assert in_force(registry) == other
    back = rules(risk_tier="high", high={"approvals": 1})
    asked.adopt(back)  # the low tier asks for nothing
    with pytest.raises(AdoptionRefused, match="nothing to adopt"):
        asked.adopt(back)


def test_named_people_sign_and_nobody_else_changes_the_policy(people, tmp_path):
    keys = {name: tmp_path / f"{name}.pem" for name in ("anna", "bert")}
    public = {name: make_key(path) for name, path in keys.items()}
    named = {"anna": {"public_key": public["anna"], "roles": ("risk_officer",)}, "bert": {"public_key": public["bert"]}}
    asked = people(rules(low={"approvals": 1, "roles": ("risk_officer",)}, people=named), keys)
    for actor, key, said in (
        ("eve", None, "eve may not decide"),
        ("anna", None, "MLREG_SIGNING_KEY is not set"),
        ("anna", keys["bert"], "holds another key"),
    ):
        with pytest.raises(DecisionRefused, match=said):
            asked.adopt(LAX, actor, key=key)
        with pytest.raises(DecisionRefused, match=said):
            asked.approve(LAX, actor, key=key)
    asked.approve(LAX, "anna")
    assert asked.adopt(LAX, "bert").approved_by == ("anna",)


def test_forged_approvals_and_those_of_new_people_count_for_nothing(people, registry, tmp_path):
    key = tmp_path / "anna.pem"
    asked = people(
        rules(low={"approvals": 1}, people={"anna": {"public_key": make_key(key)}, "pia": {}}), {"anna": key}
    )
    opened = rules(people={"eve": {}})
    record = registry.policy_in_force()
    for actor in ("anna", "eve"):
        registry.approve_policy(opened_sha(opened), record.content_sha256, Attribution(actor, NOW, "forged"))
    with pytest.raises(AdoptionRefused, match="0 of 1"):
        asked.adopt(opened)
    asked.approve(opened, "anna")
    asked.adopt(opened)


def opened_sha(files):
    from mlreg_dagster.registry.audit import digest

    return digest(files.content)


def test_in_a_freeze_nobody_changes_the_policy_alone(people):
    freeze = {"first": "2026-03-01T00:00", "until": "2027-01-01T00:00", "reason": "end of the year"}
    asked = people(rules(freezes=[freeze]))
    with pytest.raises(AdoptionRefused, match=r"0 of 1 approvals by others are there \(a freeze: end of the year"):
        asked.adopt(rules())
    asked.approve(rules(), "anna")
    asked.adopt(rules())


def test_of_two_adoptions_that_saw_the_same_policy_one_wins(registry, monkeypatch):
    registry.record_first_policy(rules().content, NOW)
    stale = registry.policy_in_force()
    adopt(registry, LAX, Attribution("anna", NOW, "the season is over"))
    monkeypatch.setattr(Registry, "record_first_policy", lambda *_: stale)
    with pytest.raises(AliasConflict, match="expected to be in force, but it is"):
        adopt(registry, rules(min_reason_length=1), Attribution("bert", NOW, "the season is over"))


def test_a_policy_of_another_release_is_told_and_can_be_replaced(registry):
    registry.record_first_policy({**rules().content, "promotion": {"moon_phase": "full"}}, NOW)
    with pytest.raises(PolicyNotAdopted, match="values that this release does not know"):
        recorded_rules(registry.policy_in_force())
    adopt(registry, rules(), Attribution("anna", NOW, "after the upgrade"))
    assert in_force(registry) == rules()
