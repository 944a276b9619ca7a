"""Where a rollback leads."""

from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted
from mlreg_dagster.governance.promotion.promotion import would_promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.promotion.rollback import RollbackRefused
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import AlreadyHolder
from mlreg_dagster.registry.rules import left_by_rollbacks, rollback_target
from mlreg_dagster_tests.governance.promotion.builders import NOW, evaluate, governed


def test_a_rollback_never_leads_back_to_a_version_that_a_rollback_left(move, registry):
    hours = iter(NOW + pd.Timedelta(hours=number) for number in range(1, 9))
    for version in ("v1", "v2", "v3", "v2"):
        move(version, now=next(hours))
    assert left_by_rollbacks(registry.history(CHAMPION)) == {"v3"}
    assert rollback_target(registry.history(CHAMPION)) == "v1"
    move("v1", now=next(hours))
    assert rollback_target(registry.history(CHAMPION)) is None
    event = move("v3", now=next(hours))  # by the whole policy, as if it had never been champion
    assert event.evidence["rollback"] is None
    assert not event.evidence["facts"]["is_rollback"]
    assert left_by_rollbacks(registry.history(CHAMPION)) == {"v2"}


def test_rollback_is_a_promotion_of_an_older_version(refused, move, registry):
    move("v1")
    move("v2", now=NOW + pd.Timedelta(hours=1))
    refused(AlreadyHolder, "v2 holds champion already", version="v2", now=NOW + pd.Timedelta(hours=2))
    event = move("v1", now=NOW + pd.Timedelta(hours=2), reason="v2 cried wolf")
    assert (event.version, event.previous_version) == ("v1", "v2")
    assert [move.version for move in registry.history(CHAMPION)] == ["v1", "v2", "v1"]
    assert registry.holder(CHAMPION, NOW + pd.Timedelta(minutes=90)).version == "v2"


def test_a_trial_of_a_promotion_asks_the_same_and_writes_nothing(move, registry, store):
    def ask(version, governance=None):
        request = PromotionRequest(version, "", "bob")
        return would_promote(registry, store, governance or governed(), request, now=NOW + pd.Timedelta(hours=2))

    move("v1")
    move("v2", now=NOW + pd.Timedelta(hours=1))
    before = registry.audit_log(), registry.refusals()
    assert ask("v1").evidence["facts"]["is_rollback"]
    assert not ask("v3").evidence["facts"]["is_rollback"]
    with pytest.raises(AlreadyHolder):
        ask("v2")
    with pytest.raises(PolicyNotAdopted, match="min_reason_length"):
        ask("v1", governed(min_reason_length=7))
    broken = replace(governed(), validate_rollback=_broken)
    with pytest.raises(RollbackRefused, match="another score"):
        ask("v1", broken)
    assert ask("v3", broken)  # it never held the alias
    assert (registry.audit_log(), registry.refusals()) == before


def test_a_failure_under_stricter_settings_since_leaves_the_way_back_open(move, registry):
    move("v1")
    move("v2", now=NOW + pd.Timedelta(hours=1))
    stricter = EvaluationSettings(min_score_gap=0.5).model_dump(mode="json")
    evaluate(registry, "v1", failing=("score_gap",), thresholds=stricter)
    assert registry.status("v1") == "rejected"
    event = move("v1", now=NOW + pd.Timedelta(hours=2), reason="v2 cried wolf")
    assert event.evidence["facts"]["stricter_today"] == ["score_gap (as measured) failed"]
    assert event.evaluation_id == registry.history(CHAMPION)[0].evaluation_id


def _broken(_model):
    raise RollbackRefused("another score")
