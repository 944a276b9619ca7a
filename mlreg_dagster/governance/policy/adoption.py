"""Changing the policy in force: a decision of its own, which needs what the policy before asks for.

So the bar can't be lowered by somebody who may not pass below it: a tier that asks for two approvals of a version asks
for two approvals of a change of the policy, by the same people, signed with the same keys. In a freeze at least one
other person must approve.
"""

from pathlib import Path

import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import account_name, checked_text
from mlreg_dagster.governance.decisions import counting, signing
from mlreg_dagster.governance.decisions.decide import require_known, signed
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted, Rules, differences, recorded_rules
from mlreg_dagster.registry import PolicyApproval, PolicyRecord, Registry
from mlreg_dagster.registry.audit import digest


class AdoptionRefused(MlregError):
    """A change of the policy that its predecessor does not allow; nothing was recorded."""


def approve_change(
    registry: Registry,
    files: Rules,
    *,
    reason: str,
    actor: str,
    now: pd.Timestamp,
    run_id: str | None,
    key: Path | None,
) -> PolicyApproval:
    """Record that a person consents to what the configuration files ask for.

    Args:
        registry: Where it is recorded.
        files: What the files ask for.
        reason: Why, for people who ask later.
        actor: Who consents.
        now: The current time.
        run_id: The run that records it.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        AdoptionRefused: The files are in force already.
        DecisionRefused: The actor may not decide, or must sign and does not.
        NotAName: The actor or the reason has a forbidden form.
        UnusableKey: The key can't be read.
    """
    record, rules = _to_be_changed(registry, files, now)
    bare, signature = _signed("approval", record, rules, files, reason, actor, now, key)
    return registry.approve_policy(
        bare.content_sha256,
        previous_sha256=bare.previous_sha256,
        actor=bare.actor,
        reason=bare.reason,
        recorded_at=bare.recorded_at,
        run_id=run_id,
        signature=signature,
    )


def adopt(
    registry: Registry,
    files: Rules,
    *,
    reason: str,
    actor: str,
    now: pd.Timestamp,
    run_id: str | None,
    key: Path | None,
) -> PolicyRecord:
    """Put what the configuration files ask for in force; the arguments are those of `approve_change`.

    Raises:
        AdoptionRefused: The files are in force already, or the policy asks for more approvals.
        DecisionRefused: The actor may not decide, or must sign and does not.
        AliasConflict: Another policy was adopted meanwhile.
        NotAName: The actor or the reason has a forbidden form.
        UnusableKey: The key can't be read.
    """
    record, rules = _to_be_changed(registry, files, now)
    bare, signature = _signed("adoption", record, rules, files, reason, actor, now, key)

    def permit(current: PolicyRecord, approvals: list[PolicyApproval]) -> list[str]:
        del current  # the registry has compared it with what was expected
        return _required(rules, approvals, bare.actor, now)

    return registry.adopt_policy(
        files.content,
        expected_sha256=bare.previous_sha256,
        actor=bare.actor,
        reason=bare.reason,
        recorded_at=bare.recorded_at,
        run_id=run_id,
        signature=signature,
        permit=permit,
    )


def _to_be_changed(registry: Registry, files: Rules, now: pd.Timestamp) -> tuple[PolicyRecord, Rules]:
    record = registry.record_first_policy(files.content, now)
    try:
        rules = recorded_rules(record)
    except PolicyNotAdopted:  # of another release: its people and tiers can't be read, the files' must do
        return record, files
    if not differences(rules, files):
        raise AdoptionRefused(
            "The configuration files say what is in force already: there is nothing to adopt. Edit promotion.yaml, "
            "use_case.yaml or evaluation.yaml in the folder that MLREG_CONFIG_DIR names first."
        )
    return record, rules


def _signed(
    what: str,
    record: PolicyRecord,
    rules: Rules,
    files: Rules,
    reason: str,
    actor: str,
    now: pd.Timestamp,
    key: Path | None,
) -> tuple[signing.Unsigned, str | None]:
    name, text = account_name(actor), checked_text("reason", reason)
    if len(text) < rules.promotion.min_reason_length:
        raise AdoptionRefused(
            f"The reason {reason!r} is too short; promotion.yaml asks for "
            f"{rules.promotion.min_reason_length} characters."
        )
    private = None if key is None else signing.read_key(key)
    require_known(name, rules.promotion, private)
    bare = signing.Unsigned(name, text, now.floor("us"), digest(files.content), record.content_sha256)
    return bare, signed(private, signing.policy_message(what, bare))


def _required(rules: Rules, approvals: list[PolicyApproval], actor: str, now: pd.Timestamp) -> list[str]:
    """People whose approvals count, where the policy in force is satisfied.

    Raises:
        AdoptionRefused: It is not; the message says what is missing.
    """
    policy = rules.promotion
    tier = policy.of(rules.use_case.risk_tier)
    counted = counting.counted_policy_approvals(approvals, policy, actor, now)
    missing = []
    freeze = next((each for each in policy.freezes if each.covers(now)), None)
    asked = max(tier.approvals, 1 if freeze else 0)
    if len(counted) < asked:
        why = f" (a freeze: {freeze.reason}, until {freeze.until:%Y-%m-%d %H:%M})" if freeze else ""
        missing.append(f"{len(counted)} of {asked} approvals by others are there{why}")
    if absent := [role for role in tier.roles if role not in counting.roles_of(counted, policy)]:
        missing.append(f"nobody who approved is a {', or a '.join(absent)}")
    if missing:
        raise AdoptionRefused(
            f"The policy in force asks the same of its own change as of a version: {'; '.join(missing)}. "
            f'`mlreg policy approve --reason "…"` adds an approval.'
        )
    return counted
