"""What people say of a version: approvals, rejections, exceptions; of its bytes, and on the evaluation they saw."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.errors import MlregError
from mlreg_dagster.governance import signing
from mlreg_dagster.governance.policy import LIFTABLE
from mlreg_dagster.storage.registry import Decision, DecisionKind, Registry


class DecisionRefused(MlregError):
    """A decision that would count for nothing; it was not recorded."""


def decide(
    registry: Registry,
    *,
    kind: DecisionKind,
    version: str,
    reason: str,
    actor: str,
    now: pd.Timestamp,
    run_id: str | None,
    policy: PromotionSettings,
    lifts: Sequence[str] = (),
    expires_at: pd.Timestamp | None = None,
    key: Path | None = None,
) -> Decision:
    """Record what a person says of a version.

    Args:
        registry: Where it is recorded.
        kind: An approval, a rejection, or an exception.
        version: `v7`, `latest`, `latest-1` or an alias.
        reason: Why, for whoever asks later.
        actor: Who decides.
        now: The current time.
        run_id: The run that records it.
        policy: Who may decide, and how long a reason must be.
        lifts: What an exception lifts; see `policy.LIFTABLE`.
        expires_at: Until when an exception counts.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: The actor is not among those who may decide or must sign and does not, the reason is too
            short, the version was never evaluated, or what is to be lifted can't be.
        UnknownVersion: The specifier leads to no version.
        UnusableKey: The key can't be read.
    """
    if len(reason.strip()) < policy.min_reason_length:
        raise DecisionRefused(
            f"The reason {reason!r} is too short; promotion.yaml asks for {policy.min_reason_length} characters."
        )
    if unknown := [name for name in lifts if name not in LIFTABLE]:
        raise DecisionRefused(f"An exception can't lift {', '.join(unknown)}; it can lift {', '.join(LIFTABLE)}.")
    model = registry.resolve(version)
    evaluation = registry.latest_evaluation(model.version)
    if evaluation is None:
        raise DecisionRefused(f"{model.version} was never evaluated: there is nothing to decide on. Evaluate it first.")
    private = None if key is None else signing.read_key(key)
    _require_known(actor, policy, None if private is None else signing.public_key(private))
    said = {
        "kind": kind,
        "version": model.version,
        "artifact_sha256": model.artifact_sha256,
        "evaluation_id": evaluation.id,
        "actor": actor,
        "reason": reason,
        "lifts": tuple(lifts),
        "expires_at": expires_at,
        "recorded_at": now.floor("us"),
    }
    signature = None if private is None else signing.sign(private, signing.message(**said))  # type: ignore[arg-type]
    return registry.decide(**said, run_id=run_id, signature=signature)  # type: ignore[arg-type]


def signing_key() -> Path | None:
    """The file that MLREG_SIGNING_KEY names, if it is set."""
    name = os.environ.get("MLREG_SIGNING_KEY")
    return Path(name).expanduser() if name else None


def _require_known(actor: str, policy: PromotionSettings, public_key: str | None) -> None:
    if not policy.people:
        return
    if actor not in policy.people:
        known = ", ".join(sorted(policy.people))
        raise DecisionRefused(
            f"{actor} may not decide; promotion.yaml names {known}. Use --actor, or add the name there."
        )
    wanted = policy.people[actor].public_key
    if wanted is not None and wanted != public_key:
        problem = "MLREG_SIGNING_KEY is not set" if public_key is None else "MLREG_SIGNING_KEY holds another key"
        raise DecisionRefused(
            f"What {actor} decides counts only when signed with the key in promotion.yaml, and {problem}. "
            f"Let MLREG_SIGNING_KEY name the file of the private key."
        )
