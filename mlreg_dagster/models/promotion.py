"""Who may hold an alias: the evidence is read again, for that very version and its bytes, when it moves."""

import pandas as pd

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.errors import MlregError
from mlreg_dagster.models import artifact
from mlreg_dagster.models.names import NOBODY
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.registry import AliasEvent, Registry


class PromotionRefused(MlregError):
    """A promotion against the rules; the alias did not move."""


def promote(
    registry: Registry,
    store: ArtifactStore,
    *,
    version: str,
    alias: str,
    reason: str,
    actor: str,
    effective_at: pd.Timestamp | None,
    expected: str | None,
    now: pd.Timestamp,
    run_id: str | None,
    settings: PromotionSettings,
) -> AliasEvent:
    """Move an alias to a version. Rollback is the same, with an older version.

    Args:
        registry: Where gates and aliases are recorded; it refuses versions whose gates did not pass.
        store: Where the artifact is; it must be intact and loadable.
        version: `v7`, `latest`, `latest-1` or an alias.
        alias: Which alias.
        reason: Why, for whoever asks later.
        actor: By whose word.
        effective_at: From when it counts; None = from now on. The past only where history is replayed.
        expected: The holder that the caller saw: a version, `nobody`, or None for whoever holds it now.
        now: The current time.
        run_id: The run that promotes.
        settings: What is asked of a promotion.

    Raises:
        PromotionRefused: The reason is too short, or the model may not score yet at `effective_at`.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The artifact can't be used.
        RegistryError: Unknown version, gates not passed, another holder than expected, times out of order.
    """
    if len(reason.strip()) < settings.min_reason_length:
        raise PromotionRefused(
            f"The reason {reason!r} is too short; promotion.yaml asks for {settings.min_reason_length} characters. "
            f"Say why, for whoever asks later."
        )
    if expected is None:
        holder = registry.holder(alias)
        expected = holder.version if holder else NOBODY
    model_version = registry.resolve(version)
    effective_at = now if effective_at is None else effective_at
    model = artifact.load(store, model_version.version, model_version.artifact_sha256)
    if effective_at < model.scores_from:
        raise PromotionRefused(
            f"{model_version.version} may score from {model.scores_from:%Y-%m-%d %H:%M} UTC on, the end of its "
            f"dataset; as {alias} from {effective_at:%Y-%m-%d %H:%M} on it would have known the future."
        )
    return registry.move_alias(
        alias,
        model_version.version,
        expected=None if expected == NOBODY else expected,
        effective_at=effective_at,
        now=now,
        actor=actor,
        reason=reason,
        run_id=run_id,
    )
