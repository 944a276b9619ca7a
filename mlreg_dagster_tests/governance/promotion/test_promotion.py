"""Who may hold an alias. After each refusal the registry is what it was."""

import itertools

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.core.people import NotAName
from mlreg_dagster.governance.policy.adoption import adopt
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted, Rules, differences, recorded_rules
from mlreg_dagster.governance.promotion.promotion import PromotionRefused, promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.trust import UntrustedModel
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.models.registration import register
from mlreg_dagster.registry import (
    AliasConflict,
    AlreadyHolder,
    Attribution,
    EffectiveTimeError,
    GateResult,
    GatesNotPassed,
    InvalidRecord,
    UnknownVersion,
)
from mlreg_dagster.registry.rules import left_by_rollbacks, rollback_target
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactTampered
from mlreg_dagster_tests.models.builders import DAY_ENDS, with_manifest

NOW = DAY_ENDS + pd.Timedelta(days=3, minutes=12)
BY_ANN = Attribution("ann", NOW)


def rules(**policy):
    """The usual rules, but for what is named of promotion.yaml."""
    return Rules(PromotionSettings(**policy), UseCaseSettings(), EvaluationSettings())


def governed(*, replays_history=True, **policy):
    """Judges by these rules, where they are in force; nothing has matured, and every rollback is fine."""
    return Governance(rules(**policy), lambda _: 0, lambda _: 0, lambda _: {}, replays_history)


@pytest.fixture
def in_force(registry):
    """Puts rules in force and judges by them."""

    def put(**policy):
        files = rules(**policy)
        before = recorded_rules(registry.record_first_policy(files.content, NOW))
        if differences(before, files):
            adopt(registry, files, Attribution("ann", NOW, "a test wants these rules"))
        return governed(**policy)

    return put


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("robust_z_score")


LAX = EvaluationSettings(max_anomaly_rate=1.0)
SEEDED = EvaluationSettings(injection={"seed": 21})


def evaluate(registry, version, failing=(), **changes):
    gates = [GateResult(name, name not in failing, 0.1, "at least 0", "as measured") for name in GATES]
    values = {
        "artifact_sha256": registry.version(version).artifact_sha256,
        "holdout_sha256": "0" * 64,
        "gates": gates,
        "metrics": {},
        "thresholds": EvaluationSettings().model_dump(mode="json"),
    }
    registry.record_evaluation(version, BY_ANN, **values | changes)


@pytest.fixture
def move(model, store, registry):
    """Promotes; v1, v2 and v3 are registered, and passed their gates."""
    for version in ("v1", "v2", "v3"):
        register(with_manifest(model, version=version), store, registry, BY_ANN)
        evaluate(registry, version)

    runs = (f"run-{number}" for number in itertools.count(1))

    def move(version="v1", **changes):
        asked = {
            "alias": CHAMPION,
            "reason": "it finds more",
            "actor": "bob",
            "effective_at": None,
            "expected": None,
        }
        now, governance = changes.pop("now", NOW), changes.pop("governance", None) or governed()
        request = PromotionRequest(version, **asked | changes)
        return promote(registry, store, governance, request, now=now, run_id=next(runs))

    return move


@pytest.fixture
def refused(move, registry):
    """Promotes what must be refused, and looks at whether anything moved."""

    def refused(error, match, **asked):
        before = registry.aliases(), registry.history(CHAMPION), registry.versions()
        with pytest.raises(error, match=match):
            move(**asked)
        assert (registry.aliases(), registry.history(CHAMPION), registry.versions()) == before

    return refused


def test_a_version_that_passed_its_gates_takes_the_alias(move, registry):
    event = move("v1", effective_at=DAY_ENDS)
    assert registry.holder(CHAMPION) == event
    assert (event.version, event.previous_version) == ("v1", None)
    assert (event.actor, event.reason, event.run_id) == ("bob", "it finds more", "run-1")
    assert (event.effective_at, event.recorded_at) == (DAY_ENDS, NOW)
    assert event.artifact_sha256 == registry.version("v1").artifact_sha256


def test_without_a_time_it_counts_from_now_on(move):
    assert move("v1").effective_at == NOW


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


def test_an_experiment_admits_nothing_and_erases_nothing(refused, registry):
    evaluate(registry, "v1", failing=["score_gap"])
    evaluate(registry, "v1", departures=("max_anomaly_rate was 1.0 instead of 0.2",))
    assert registry.status("v1") == "rejected"
    refused(GatesNotPassed, "score_gap", version="v1")


def test_a_tier_may_admit_experiments_and_then_the_record_says_so(move, registry, in_force):
    evaluate(registry, "v1", failing=["score_gap"])
    lax = LAX.model_dump(mode="json")
    evaluate(registry, "v1", thresholds=lax, departures=("max_anomaly_rate was 1.0 instead of 0.2",))
    event = move("v1", governance=in_force(low={"experiments": True}))
    assert event.evidence["facts"]["departures"] == ["max_anomaly_rate was 1.0 instead of 0.2"]
    assert "failed score_gap" in event.evidence["facts"]["failed_before"][0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"thresholds": {**LAX.model_dump(mode="json")}}, "max_anomaly_rate was 1.0 instead of 0.2"),
        ({"thresholds": {**SEEDED.model_dump(mode="json")}}, "injection.seed was 21 instead of 20"),
        ({"holdout_day": "2020-01-11"}, "the holdout was 2020-01-11 instead of"),
        ({"code_sha256": "c" * 64}, "the gates' code was another"),
    ],
)
def test_an_evaluation_that_differs_from_what_is_in_force_admits_nothing(refused, registry, changes, said):
    evaluate(registry, "v1", **changes)
    refused(PromotionRefused, f"not done as configured .*{said}", version="v1")


def test_thresholds_that_were_lowered_by_adoption_show(move, registry):
    evaluate(registry, "v1", failing=["score_gap"])
    registry.record_first_policy(rules().content, NOW)
    files = Rules(PromotionSettings(), UseCaseSettings(), LAX)
    adopt(registry, files, Attribution("ann", NOW, "they are too strict"))
    evaluate(registry, "v1", thresholds=LAX.model_dump(mode="json"))
    event = move("v1", governance=Governance(files, lambda _: 0, lambda _: 0, lambda _: {}))
    assert "failed score_gap under other settings" in event.evidence["facts"]["failed_before"][0]


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
