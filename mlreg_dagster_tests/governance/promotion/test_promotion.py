"""Who may hold an alias. After each refusal the registry is what it was."""

import pandas as pd
import pytest

from mlreg_dagster.core.people import NotAName
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted
from mlreg_dagster.governance.promotion.permits import PromotionHeld
from mlreg_dagster.governance.promotion.promotion import PromotionRefused
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.trust import UntrustedModel
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.models.registration import register
from mlreg_dagster.registry import AliasConflict, EffectiveTimeError, GatesNotPassed, InvalidRecord, UnknownVersion
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactTampered
from mlreg_dagster_tests.governance.promotion.builders import BY_ANN, NOW, evaluate, governed
from mlreg_dagster_tests.models.builders import DAY_ENDS, with_manifest


def test_a_version_that_passed_its_gates_takes_the_alias(move, registry):
    event = move("v1", effective_at=DAY_ENDS)
    assert registry.holder(CHAMPION) == event
    assert (event.version, event.previous_version) == ("v1", None)
    assert (event.actor, event.reason, event.run_id) == ("bob", "it finds more", "run-1")
    assert (event.effective_at, event.recorded_at) == (DAY_ENDS, NOW)
    assert event.artifact_sha256 == registry.version("v1").artifact_sha256


def test_without_a_time_it_counts_from_now_on(move):
    assert move("v1").effective_at == NOW


def test_in_a_replay_an_evaluation_is_as_old_as_it_was_when_the_move_took_effect(move, refused, in_force):
    strict = in_force(max_evaluation_age_days=1)
    refused(PromotionHeld, "days old, allowed are 1", governance=strict)
    assert move(governance=strict, effective_at=DAY_ENDS)


@pytest.mark.parametrize("reason", ["", "    ", "  abcd  "])
def test_a_reason_that_says_nothing_is_refused(refused, reason):
    refused(PromotionRefused, r"too short; promotion\.yaml asks for 5 characters", reason=reason)


def test_how_much_reason_is_asked_for_is_a_setting(refused, move, in_force):
    refused(PromotionRefused, "asks for 20 characters", governance=in_force(min_reason_length=20))
    assert move(reason="abcde", governance=in_force(min_reason_length=5))


def test_no_version_holds_an_alias_for_hours_that_it_has_seen(refused, move):
    early = DAY_ENDS - pd.Timedelta(hours=1)
    refused(
        PromotionRefused,
        r"v1 may score from 2020-01-13 00:00 UTC on, .*from 2020-01-12 23:00 on it would have known the future",
        effective_at=early,
    )
    refused(PromotionRefused, "would have known the future", now=early)
    assert move(effective_at=DAY_ENDS)


def test_tampered_lost_and_untrusted_artifacts_are_refused(refused, store, tmp_path):
    folder = tmp_path / "artifacts" / MODELS
    (folder / "v1" / "pipeline.skops").write_bytes(b"something else")
    refused(ArtifactTampered, r"pipeline\.skops")
    (folder / "v2").rename(folder / "v9")
    refused(ArtifactMissing, "no bundle models/v2", version="v2")
    (folder / "v3").rename(folder / "v8")
    store.freeze(MODELS, "v3", store.read(MODELS, "v9"))  # sound, but not the bytes that were registered
    refused(ArtifactTampered, "v3", version="v3")


def test_an_artifact_that_asks_for_untrusted_types_is_refused(refused, store, registry, model):
    import skops.io

    from mlreg_dagster_tests.models.artifacts.test_artifact import Evil

    files = store.read(MODELS, "v1") | {"pipeline.skops": skops.io.dumps(Evil("nowhere"))}
    frozen = store.freeze(MODELS, "v4", files)
    record = registry.version("v1")
    registry.register(
        "v4",
        BY_ANN,
        detector=record.detector,
        dataset_day=record.dataset_day,
        dataset_sha256=record.dataset_sha256,
        artifact_sha256=frozen.sha256,
        manifest=dict(model.manifest),
    )
    evaluate(registry, "v4")
    refused(UntrustedModel, "Evil", version="v4")


def test_every_gate_must_have_passed_in_the_latest_evaluation(refused, move, registry, store, model):
    for gate in GATES:
        evaluate(registry, "v2", failing=[gate])
        refused(GatesNotPassed, gate, version="v2")
    evaluate(registry, "v2")
    assert move("v2")
    register(with_manifest(model, version="v4"), store, registry, BY_ANN)
    refused(GatesNotPassed, "v4 was never evaluated", version="v4")


@pytest.mark.parametrize(("spec", "version"), [("v2", "v2"), ("latest", "v3"), ("latest-1", "v2"), ("latest-2", "v1")])
def test_versions_by_specifier(move, spec, version):
    assert move(spec).version == version


def test_an_alias_names_its_holder(move):
    move("v2", alias="challenger")
    assert move("challenger").version == "v2"


@pytest.mark.parametrize("spec", ["v9", "latest-3", "challenger", "the best", ""])
def test_specifiers_that_lead_nowhere_are_refused(refused, spec):
    refused(UnknownVersion, r"v1|Registered", version=spec)


def test_a_wrong_expectation_is_answered_with_the_holder(refused, move):
    refused(AliasConflict, "expected with v2, but nobody holds it", expected="v2")
    move("v1", expected=NOBODY)
    refused(
        AliasConflict,
        "expected with nobody, but v1 holds it since .* requested by bob",
        version="v2",
        expected=NOBODY,
    )
    refused(AliasConflict, "expected with v3, but v1 holds it", version="v2", expected="v3")
    assert move("v2", expected="v1").previous_version == "v1"
    assert move("v3").previous_version == "v2"  # no expectation


def test_times_out_of_order_are_refused(refused, move):
    refused(EffectiveTimeError, "after now", effective_at=NOW + pd.Timedelta(minutes=1))
    move("v1", effective_at=DAY_ENDS + pd.Timedelta(hours=5))
    refused(EffectiveTimeError, "history is written forward", version="v2", effective_at=DAY_ENDS)


def test_names_and_actors_must_be_usable(refused):
    refused(InvalidRecord, "can't be an alias", alias="v7")
    refused(NotAName, "must not be blank", actor=" ")


def test_files_that_differ_from_the_policy_in_force_promote_nothing(refused, move):
    lax = {"min_reason_length": 1, "separation_of_duties": False}
    move("v1")
    refused(
        PolicyNotAdopted,
        r"promotion.min_reason_length: 5 → 1; promotion.separation_of_duties: True → False.*mlreg policy adopt",
        version="v2",
        governance=governed(**lax),
    )


def test_where_people_are_named_nobody_else_moves_any_alias(refused, move, in_force):
    named = in_force(people={"Anna": {}})
    for alias in (CHAMPION, "challenger", "stable"):
        refused(PromotionRefused, "bob is not among people; promotion.yaml names anna", alias=alias, governance=named)
    assert move(actor=" ANNA", governance=named).actor == "anna"


def test_only_a_replay_moves_an_alias_as_of_the_past(refused, move):
    machine = governed(replays_history=False)
    for alias in (CHAMPION, "challenger"):
        refused(PromotionRefused, "only a replay", effective_at=DAY_ENDS, alias=alias, governance=machine)
    assert move(governance=machine).effective_at == NOW


def test_each_refusal_is_on_record(refused, registry):
    refused(PromotionRefused, "too short", reason="x")
    evaluate(registry, "v2", failing=["score_gap"])
    refused(GatesNotPassed, "score_gap", version="v2", alias="challenger")
    refused(AliasConflict, "expected with v2", expected="v2")
    told = [(each.alias, each.version, each.actor, each.outcome) for each in registry.refusals()]
    assert told == [
        (CHAMPION, "v1", "bob", "refuse"), ("challenger", "v2", "bob", "refuse"), (CHAMPION, "v1", "bob", "refuse"),
    ]  # fmt: skip
    assert "too short" in registry.refusals()[0].because
    assert registry.find_tampering() is None
