"""Whether a version may become champion without a person."""

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.models.evaluation.verdict import better_than
from mlreg_dagster.registry import AliasEvent, Evaluation


def may_promote(candidate: Evaluation, champion: AliasEvent | None, settings: PromotionSettings) -> tuple[bool, str]:
    """Whether a version may become champion without a person, and why or why not.

    Args:
        candidate: Its latest evaluation.
        champion: The current champion, if any.
        settings: `automatic`: never, passed (its gates), or better (told apart from the champion as the better one).
    """
    if settings.automatic == "never":
        return False, "promotion.yaml leaves promotions to people"
    if not candidate.passed:
        return False, f"failed: {', '.join(gate.name for gate in candidate.gates if not gate.passed)}"
    if champion is None:
        return True, "the first version whose gates passed"
    if settings.automatic == "passed":
        return True, "newer than the champion, and its gates passed"
    return better_than(candidate.metrics.get("versus_champion") or {}, champion.version)
