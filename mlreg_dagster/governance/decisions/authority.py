"""Who may decide, and with which signature: the people that promotion.yaml names, and their keys.

Which recorded decisions count is asked in `counting`; how statements are signed stands in `signing`.
"""

import os
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import OF_THE_PROJECT, account_name, checked_text
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.names import as_utc


class DecisionRefused(MlregError):
    """A decision that would count for nothing; it was not recorded."""


def signing_key() -> Path | None:
    """The file that MLREG_SIGNING_KEY names, if it is set."""
    name = os.environ.get("MLREG_SIGNING_KEY")
    return Path(name).expanduser() if name else None


def required_key(asked_by: str) -> Ed25519PrivateKey:
    """The private key of MLREG_SIGNING_KEY.

    Args:
        asked_by: The option or setting that asks for a signature.

    Raises:
        UnusableKey: The variable is not set, or names no key that can be read.
    """
    if (path := signing_key()) is None:
        raise signing.UnusableKey(
            f"{asked_by} asks for a signature, and MLREG_SIGNING_KEY is not set. Let it name the file of your private "
            f"key; `mlreg keygen` makes a pair of keys."
        )
    return signing.read_key(path)


def spelled(by: Attribution, registry: Registry | None = None) -> Attribution:
    """Who decides, as it is signed and recorded: by id, where the directory of people has one.

    Args:
        by: Who decides, when and why.
        registry: Whose directory it is; None: the actor was looked up already.

    Raises:
        NotAName: The actor or the reason has a forbidden form.
        InvalidRecord: The person may not act, or the reason holds a name of the directory.
    """
    reason = checked_text("reason", by.reason)
    if registry is None:
        return replace(by, actor=account_name(by.actor), reason=reason, time=as_utc(by.time))
    actor = registry.acting(by.actor)
    if actor not in OF_THE_PROJECT:
        registry.directory().refuse_names("reason", reason)
    return replace(by, actor=actor, reason=reason, time=as_utc(by.time))


def fault_of_reason(reason: str, policy: PromotionSettings) -> str | None:
    """What is wrong with a reason that is shorter than the policy asks for; None if it is long enough."""
    if len(reason.strip()) >= policy.min_reason_length:
        return None
    return (
        f"The reason {reason!r} is too short; promotion.yaml asks for {policy.min_reason_length} characters. Say why, "
        f"for people who ask later."
    )


def key_of(actor: str, policy: PromotionSettings, key: Path | None) -> Ed25519PrivateKey | None:
    """The private key of a person who may decide; None where they have none and need none.

    Args:
        actor: Their id, or the one spelling of their name.
        policy: In force: who may decide.
        key: File of their private key; None: no signature.

    Raises:
        DecisionRefused: They may not decide, or must sign and do not; the message says what to do.
        UnusableKey: The key can't be read.
    """
    private = None if key is None else signing.read_key(key)
    if not policy.people:
        return private
    if actor not in policy.people:
        known = ", ".join(sorted(policy.people))
        raise DecisionRefused(
            f"{actor} may not decide; promotion.yaml names {known}. One of them decides, each as themselves; or adopt "
            f"a policy that names {actor}, too: `mlreg policy adopt`."
        )
    wanted = policy.people[actor].public_key
    given = None if private is None else signing.public_key(private)
    if wanted is not None and wanted != given:
        problem = "MLREG_SIGNING_KEY is not set" if given is None else "MLREG_SIGNING_KEY holds another key"
        raise DecisionRefused(
            f"What {actor} decides counts only when signed with the key in promotion.yaml, and {problem}. "
            f"Let MLREG_SIGNING_KEY name the file of the private key."
        )
    return private
