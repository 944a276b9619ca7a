"""Signatures of decisions, verified from records alone."""

import json
from dataclasses import replace

import pytest

from mlreg_dagster.governance.audit_export.signatures import signatures_in
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.audit import digest
from mlreg_dagster_tests.governance.audit_export.builders import KEY, OTHER_KEY, log_of
from mlreg_dagster_tests.registry.builders import NOW, sha

ANNA = Attribution("anna", NOW, "looked at it")


def decide(registry: Registry, key, signed=None, **changes):
    decision = registry.decide("approval", "v1", ANNA, artifact_sha256=sha("v1"), evaluation_id=1, **changes)
    signature = signing.sign(key, signing.decision_message(signed or decision))
    return registry.decide(
        "approval", "v1", ANNA, artifact_sha256=sha("v1"), evaluation_id=1, signature=signature, **changes
    )


@pytest.fixture
def known(registry):
    """Where two policies were in force: anna has a key, then another one, bert has none."""
    people = {"anna": {"public_key": signing.public_key(KEY)}, "bert": {"public_key": None}}
    first = registry.record_first_policy({"promotion": {"people": people}}, NOW)
    people = people | {"anna": {"public_key": signing.public_key(OTHER_KEY)}}
    content = {"promotion": {"people": people}}
    text = signing.policy_message("adoption", digest(content), first.content_sha256, ANNA)
    registry.adopt_policy(
        content,
        ANNA,
        expected_sha256=first.content_sha256,
        signature=signing.sign(KEY, text),
        permit=lambda *_: [],
    )
    return registry


def test_each_key_that_was_ever_named_for_the_person_will_do(known):
    decide(known, KEY)
    decision = decide(known, OTHER_KEY)
    text = signing.withdrawal_message(ANNA, decision)
    known.withdraw(decision.id, ANNA, signature=signing.sign(OTHER_KEY, text))
    approval = signing.policy_message("approval", "a" * 64, "b" * 64, ANNA)
    known.approve_policy("a" * 64, "b" * 64, ANNA, signature=signing.sign(KEY, approval))
    found = signatures_in(known.audit_log())
    assert (found.valid, found.unknown, found.invalid) == (5, 0, ())
    assert found.text == "Signatures of decisions: 5, 5 of them by keys that a policy on record names."


def test_a_signature_of_something_else_is_named(known):
    decision = decide(known, KEY)
    decide(known, KEY, signed=replace(decision, version="v2"))
    newest = known.audit_log()[-1].sequence
    found = signatures_in(known.audit_log())
    assert (found.valid, found.unknown, found.invalid) == (2, 0, (newest,))
    assert f"Of something else or by another key: record {newest}." in found.text


def test_without_a_key_on_record_nobody_can_tell(registry):
    decide(registry, KEY)
    found = signatures_in(registry.audit_log())
    assert (found.valid, found.unknown, found.invalid) == (0, 1, ())
    assert "1 can't be verified: no policy names a key for the person." in found.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"signature":"x"}', '{"signature":1,"actor":[]}', "[" * 100_000])
def test_records_of_another_form_end_nothing(content):
    log = [replace(each, kind=kind, content=content) for kind in ("decisions", "policies") for each in log_of(1)]
    signed = isinstance(content, str) and content.startswith("{") and bool(json.loads(content))
    found = signatures_in(log)
    assert (found.valid, found.unknown, found.invalid) == (0, 2 if signed else 0, ())
