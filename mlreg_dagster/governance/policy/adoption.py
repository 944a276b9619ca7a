"""Changing the policy in force: a decision of its own, which needs what the policy before asks for.

So the bar can't be lowered by a person who may not pass below it: a tier that asks for two approvals of a version asks
for two approvals of a change of the policy, by the same people, signed with the same keys. In a freeze at least one
other person must approve.
"""

from pathlib import Path

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.decisions import counting, signing
from mlreg_dagster.governance.decisions.authority import fault_of_reason, key_of, spelled
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted, Rules, applied_rules, differences
from mlreg_dagster.registry import Attribution, PolicyApproval, PolicyRecord, Registry
from mlreg_dagster.registry.audit import digest
from mlreg_dagster.registry.names import as_utc


class AdoptionRefused(MlregError):
    """A change of the policy that its predecessor does not allow; nothing was recorded."""


def approve_change(registry: Registry, files: Rules, by: Attribution, key: Path | None = None) -> PolicyApproval:
    """Record that a person consents to what the configuration files ask for.

    Args:
        registry: Where it is recorded.
        files: What the files ask for.
        by: Who consents, when and why.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        AdoptionRefused: The files are in force already.
        DecisionRefused: The actor may not decide, or must sign and does not.
        NotAName: The actor or the reason has a forbidden form.
        UnusableKey: The key can't be read.
    """
    record, rules = _to_be_changed(registry, files, by)
    _require_no_names(registry, files)
    by = _with_enough_reason(registry, by, rules)
    signature = _signature("approval", record, rules, files, by, key)
    return registry.approve_policy(digest(files.content), record.content_sha256, by, signature=signature)


def adopt(registry: Registry, files: Rules, by: Attribution, key: Path | None = None) -> PolicyRecord:
    """Put what the configuration files ask for in force; the arguments are those of `approve_change`.

    Raises:
        AdoptionRefused: The files are in force already, or the policy asks for more approvals.
        DecisionRefused: The actor may not decide, or must sign and does not.
        AliasConflict: Another policy was adopted meanwhile.
        NotAName: The actor or the reason has a forbidden form.
        UnusableKey: The key can't be read.
    """
    record, rules = _to_be_changed(registry, files, by)
    _require_no_names(registry, files)
    by = _with_enough_reason(registry, by, rules)

    def permit(current: PolicyRecord, approvals: list[PolicyApproval]) -> list[str]:
        del current  # the registry has compared it with what was expected
        return _required(rules, approvals, by)

    return registry.adopt_policy(
        files.content,
        by,
        expected_sha256=record.content_sha256,
        signature=_signature("adoption", record, rules, files, by, key),
        permit=permit,
    )


def _to_be_changed(registry: Registry, files: Rules, by: Attribution) -> tuple[PolicyRecord, Rules]:
    record = registry.record_first_policy(files.content, by.time)
    try:
        rules = applied_rules(registry, record)
    except PolicyNotAdopted:  # of another release: its people and tiers can't be read, the files' must do
        return record, files
    if not differences(rules, files):
        raise AdoptionRefused(
            "The configuration files say what is in force already: there is nothing to adopt. Edit promotion.yaml, "
            "use_case.yaml or evaluation.yaml in the folder that MLREG_CONFIG_DIR names first."
        )
    return record, rules


def _require_no_names(registry: Registry, files: Rules) -> None:
    """Refuse a policy, which is kept for ever, that names people of the directory otherwise than by id.

    Raises:
        AdoptionRefused: It does; the message names their ids.
    """
    directory = registry.directory()
    named = [directory.ids[name] for name in files.promotion.people if name in directory.ids]
    texts = (files.use_case.owner, *files.use_case.contacts)
    named += [person for text in texts for person in directory.named_in(text)]
    if named:
        raise AdoptionRefused(
            f"The policy is kept for ever, and the configuration files hold the name or contact of "
            f"{', '.join(dict.fromkeys(named))} of the directory. Write the id in its place, in promotion.yaml under "
            f"people and in use_case.yaml; `mlreg people list` shows who is who."
        )


def _with_enough_reason(registry: Registry, by: Attribution, rules: Rules) -> Attribution:
    by = spelled(by, registry)
    if fault := fault_of_reason(by.reason, rules.promotion):
        raise AdoptionRefused(fault)
    return by


def _signature(
    what: str, record: PolicyRecord, rules: Rules, files: Rules, by: Attribution, key: Path | None
) -> str | None:
    private = key_of(by.actor, rules.promotion, key)
    text = signing.policy_message(what, digest(files.content), record.content_sha256, by)
    return signing.signature_of(private, text)


def _required(rules: Rules, approvals: list[PolicyApproval], by: Attribution) -> list[str]:
    """People whose approvals count, where the policy in force is satisfied.

    Raises:
        AdoptionRefused: It is not; the message says what is missing.
    """
    policy, now = rules.promotion, as_utc(by.time)
    tier = policy.of(rules.use_case.risk_tier)
    counted = counting.counted_policy_approvals(approvals, policy, by.actor, now)
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
