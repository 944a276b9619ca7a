"""Approvals, rejections and waivers as jobs of the graph, and what a promotion makes of them."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.evidence.cards import card_of
from mlreg_dagster_tests.lifecycle import CONFIGS, Lifecycle

NEVER_ENDS = {"freezes": [{"first": "2026-01-01T00:00", "until": "2027-01-01T00:00", "reason": "end of the year"}]}
OPS = {"approve": "record_approval", "reject": "record_rejection", "grant_exception": "record_exception"}


@pytest.fixture
def governed(make_world, trained_home):
    """A world on the trained home, with a policy of its own."""

    def make(**promotion):
        return make_world(trained_home, "governed", configs={**CONFIGS, "promotion": promotion})

    return make


def say(world, job, version="v1", **config):
    said = {"version": version, "reason": "looked at it", "actor": "anna", **config}
    world.run(job, {"ops": {OPS[job]: {"config": said}}})


def test_a_promotion_waits_for_its_approvals_and_names_whose_it_took(governed):
    world = governed(low={"approvals": 2})
    with pytest.raises(RunFailed, match=r"v1 has to wait .*0 of 2 approvals.*mlreg approve v1"):
        world.promote("v1")
    say(world, "approve")
    with pytest.raises(RunFailed, match="1 of 2 approvals"):
        world.promote("v1")
    say(world, "approve", actor="bert")
    world.promote("v1")
    evidence = world.registry.holder("champion").evidence
    assert evidence["facts"]["approved_by"] == ["anna", "bert"]
    assert evidence["policy"]["low"]["approvals"] == 2
    assert evidence["use_case_sha256"] == world.settings.use_case.sha256
    with pytest.raises(RunFailed, match="0 of 2 approvals"):
        world.promote("v2")  # an approval is of one version alone


def test_neither_the_trainer_nor_the_promoter_approves(governed):
    world = governed(low={"approvals": 1})
    with pytest.raises(RunFailed, match="would not count: it is by tester, who trained it"):
        say(world, "approve", actor="tester")
    say(world, "approve", actor="pia")
    with pytest.raises(RunFailed, match="not counted: pia, who promotes it"):
        world.promote("v1", actor="pia")
    world.promote("v1", actor="bert")  # for whom pia's approval counts


def test_an_evaluation_that_failed_is_not_approved(trained):
    with pytest.raises(RunFailed, match=r"approval of v3 would not count: it is by anna, since evaluation \d+ failed"):
        say(trained, "approve", version="v3")
    say(trained, "reject", version="v3")


def test_a_trainer_can_not_waive_and_nobody_for_longer_than_the_policy_lets(governed):
    world = governed(**NEVER_ENDS)
    waiver = {"waives": ["freeze"], "expires_at": "2026-01-09T00:00"}
    with pytest.raises(RunFailed, match="waiver of v1 would not count: it is by tester, who trained it"):
        say(world, "grant_exception", actor="tester", **waiver)
    with pytest.raises(RunFailed, match="for more than 14 days"):
        say(world, "grant_exception", **waiver | {"expires_at": "2099-01-09T00:00"})
    say(world, "grant_exception", **waiver)
    with pytest.raises(RunFailed, match="nothing moves now"):
        world.promote("v1", actor="anna")  # who granted it
    world.promote("v1")


def test_a_waiver_that_was_withdrawn_waives_nothing(governed):
    world = governed(**NEVER_ENDS)
    say(world, "grant_exception", waives=["freeze"], expires_at="2026-01-09T00:00")
    config = {"decision": 1, "reason": "the freeze is serious", "actor": "bert"}
    world.run("withdraw", {"ops": {"record_withdrawal": {"config": config}}})
    with pytest.raises(RunFailed, match="nothing moves now"):
        world.promote("v1")
    (seen, _) = world.instance.fetch_observations(dg.AssetKey("evaluated_model"), limit=5).records
    assert seen.asset_observation.description == "waiver by anna withdrawn by bert: the freeze is serious"
    assert world.registry.find_tampering() is None


def test_an_approval_is_withdrawn_by_its_giver_alone(trained):
    say(trained, "approve")
    for actor, refusal in (("bert", "by the person who gave it"), ("anna", None)):
        config = {"ops": {"record_withdrawal": {"config": {"decision": 1, "reason": "I was wrong", "actor": actor}}}}
        if refusal:
            with pytest.raises(RunFailed, match=refusal):
                trained.run("withdraw", config)
        else:
            trained.run("withdraw", config)
    assert [each.actor for each in trained.registry.withdrawals("v1")] == ["anna"]


def test_an_approval_is_of_the_evaluation_that_was_seen(governed):
    world = governed(low={"approvals": 1})
    say(world, "approve")
    world.add_version("v1")
    world.run_partition("evaluate", "v1")
    with pytest.raises(RunFailed, match=r"not counted: anna, whose approval is of evaluation \d+, not of the latest"):
        world.promote("v1")
    say(world, "approve")
    world.promote("v1")


def test_a_rejection_stays_until_the_same_person_approves(governed):
    world = governed()
    say(world, "reject", reason="smells of overfitting")
    with pytest.raises(RunFailed, match=r"v1 must not .*rejected by anna \(smells of overfitting\)"):
        world.promote("v1")
    say(world, "approve", actor="bert")
    with pytest.raises(RunFailed, match="rejected by anna"):
        world.promote("v1")
    say(world, "approve", reason="it was the data")
    world.promote("v1")


def test_a_waiver_waives_a_freeze_but_no_missing_approval(governed):
    world = governed(low={"approvals": 1}, **NEVER_ENDS)
    say(world, "grant_exception", lifts=["freeze"], expires_at="2026-01-09T00:00", reason="the champion is blind")
    with pytest.raises(RunFailed, match=r"has to wait before it becomes champion: 0 of 1 approvals"):
        world.promote("v1")
    say(world, "approve", actor="bert")
    world.promote("v1")
    (lifted,) = world.registry.holder("champion").evidence["verdict"]["lifted"]
    assert lifted == "freeze: anna, until 2026-01-09 00:00 (the champion is blind)"
    card = card_of(world, "v1")  # the waiver stands on top, in the headline and in the answer
    said = "by a waiver of freeze: anna, until 2026-01-09 00:00 (the champion is blind)."
    assert said in card.headline
    assert card.answers["Who promoted it?"].partition(said)[0].startswith("It became champion on ")


@pytest.mark.parametrize(
    ("job", "config", "message"),
    [
        ("approve", {"version": "v9"}, "v9 is not registered"),
        ("approve", {"reason": "ok"}, "too short"),
        (
            "grant_exception",
            {"waives": ["gates"], "expires_at": "2026-01-09T00:00"},
            "can't waive gates; it can ",
        ),
        ("grant_exception", {"waives": ["freeze"], "expires_at": "2026-01-08T00:00"}, "has expired already"),
        ("grant_exception", {"waives": [], "expires_at": "2026-01-09T00:00"}, "says which rules it waives"),
    ],
)
def test_a_decision_that_would_count_for_nothing_is_refused(trained, job, config, message):
    before = trained.registry.audit_log()
    with pytest.raises(RunFailed, match=message):
        say(trained, job, **config)
    assert trained.registry.audit_log() == before


def test_with_people_named_others_are_refused_and_keys_are_asked_for(governed, tmp_path, monkeypatch):
    from mlreg_dagster.governance.decisions.signing import make_key

    public = make_key(tmp_path / "anna.pem")
    world = governed(low={"approvals": 1}, people={"anna": {"public_key": public}, "bert": {}, "tester": {}})
    with pytest.raises(RunFailed, match=r"eve may not decide; promotion\.yaml names anna, bert, tester"):
        say(world, "approve", actor="eve")
    with pytest.raises(RunFailed, match="MLREG_SIGNING_KEY is not set"):
        say(world, "approve")
    make_key(tmp_path / "other.pem")
    monkeypatch.setenv("MLREG_SIGNING_KEY", str(tmp_path / "other.pem"))
    with pytest.raises(RunFailed, match="holds another key"):
        say(world, "approve")
    monkeypatch.setenv("MLREG_SIGNING_KEY", str(tmp_path / "anna.pem"))
    say(world, "approve")
    assert world.registry.decisions("v1")[-1].signature
    world.promote("v1")


def test_the_approval_of_a_forger_with_sql_counts_for_nothing(governed, tmp_path, monkeypatch):
    import sqlite3
    from contextlib import closing

    from mlreg_dagster.governance.decisions.signing import make_key

    public = make_key(tmp_path / "anna.pem")
    world = governed(low={"approvals": 1}, people={"anna": {"public_key": public}})
    monkeypatch.setenv("MLREG_SIGNING_KEY", str(tmp_path / "anna.pem"))
    say(world, "approve", version="v2")
    v1 = world.registry.version("v1").artifact_sha256
    latest = world.registry.latest_evaluation("v1").id
    with closing(sqlite3.connect(world.home / "registry.sqlite")) as connection:
        connection.execute(
            "INSERT INTO decisions SELECT 99, kind, 'v1', ?, ?, actor, reason, lifts, expires_at, recorded_at, run_id, "
            "signature FROM decisions",
            (v1, latest),
        )
        connection.commit()
    with pytest.raises(RunFailed, match=r"The registry was tampered with. decisions 99 has no record"):
        world.promote("v1")
    assert world.registry.find_tampering() == "decisions 99 has no record: it was put in past the registry."


def test_what_was_said_shows_on_the_evaluated_model_and_dagster_remembers_the_log(trained):
    say(trained, "approve")
    trained.promote("v1")
    (record,) = trained.instance.fetch_observations(dg.AssetKey("evaluated_model"), limit=5).records
    seen = record.asset_observation
    assert (seen.partition, seen.description) == ("v1", "approval by anna: looked at it")
    log = trained.registry.audit_log()
    assert witnessed_heads(trained.instance) == {(link.sequence, link.hash) for link in log[-2:]}
    assert trained.registry.find_tampering(witnessed_heads(trained.instance)) is None


def test_a_rollback_is_tried_out_first_and_passes_a_freeze(make_world, live_home):
    world = make_world(live_home, "governed", configs={**CONFIGS, "promotion": {"low": {"approvals": 2}, **NEVER_ENDS}})
    world.promote("v1", reason="v2 cries wolf")
    tried = world.registry.holder("champion").evidence["rollback"]
    assert tried["compared_rows"] > 100
    assert tried["largest_difference"] < 1e-12
    assert tried["newest_hour"] == as_hour("2026-01-06T23:00").isoformat()


def test_a_rollback_to_a_model_that_no_longer_scores_as_it_did_is_refused(live):
    from mlreg_dagster.outcomes.schema import PREDICTIONS

    rows = live.warehouse.read(PREDICTIONS)
    hours = pd.DatetimeIndex(rows["hour"].unique())
    rows["score"] += (rows["model_version"] == "v1") * 1e-3
    rows["is_anomaly"] = rows["score"] > rows["threshold"]
    live.warehouse.write(PREDICTIONS, rows, hours)
    with pytest.raises(RunFailed, match=r"v1 does not score as it did: \S+ at 2026-01-05"):
        live.promote("v1")
    assert live.registry.holder("champion").version == "v2"


@pytest.mark.parametrize(
    ("job", "op", "config"), [("restore", "record_restore", {}), ("correct", "take_back", {"alias": "champion"})]
)
def test_files_that_name_nobody_let_nobody_past_the_people_in_force(governed, job, op, config):
    named = governed(people={"anna": {}})
    elsewhere = Lifecycle(named.home, {**CONFIGS, "promotion": {}}, named.instance, adopts=False)
    with pytest.raises(RunFailed, match="eve may not decide"):
        elsewhere.run(job, {"ops": {op: {"config": {**config, "reason": "it looks fine", "actor": "eve"}}}})
    assert elsewhere.registry.restores() == []
