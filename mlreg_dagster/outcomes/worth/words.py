"""The sentence on a version's worth, for those who decide by it."""

from typing import TYPE_CHECKING

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.names import RANKING, WorthVerdict

if TYPE_CHECKING:
    from mlreg_dagster.outcomes.worth.verdict import Comparison


def sentence_of(
    version: str,
    verdict: WorthVerdict,
    best: "Comparison | None",
    settings: WorthSettings,
) -> str:
    """Whether the version beats the best ranking, by how much, how sure, and what could have been seen."""
    if best is None:
        return f"Not known whether {version} is worth having: no simple ranking has scored the same rows."
    precision = best.precision
    whose = "the champions' flags" if version == CHAMPION else f"{version}'s flags"
    name = best.opponent.removeprefix(f"{RANKING}:")
    if precision.value is None or precision.opponent is None or precision.difference is None:
        return f"Not known whether {version} is worth having: it and `{name}` have no flags on rows that both scored."
    said = (
        f"At the same flag budget, {whose} hit a crash in {100 * precision.value:.1f} of 100, those of "
        f"`{name}`, the best simple ranking, in {100 * precision.opponent:.1f}: {_points(precision.difference)} points"
    )
    if precision.low is not None and precision.high is not None:
        said += f" ({_points(precision.low)} to {_points(precision.high)})"
    said += (
        f" over {precision.blocks} {precision.unit} with {best.independent_episodes} independent crash episodes; "
        f"{_MEANING[verdict].format(margin=settings.margin)}"
    )
    if best.evidence.missing:
        said += f" ({best.evidence.missing})"
    elif verdict == "unknown" and best.detectable is not None:
        said += f"; as many weeks like these could show a difference of {100 * best.detectable:.1f} points"
    elif verdict == "unknown":
        said += "; as few weeks like these could show no difference"
    return said + "."


_MEANING = {
    "better": "better than every simple ranking",
    "not worse": "not distinguishable from better, and at most {margin:.0%} worse than any simple ranking",
    "worse": "worse than a simple ranking",
    "unknown": "not distinguishable",
}


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "\N{MINUS SIGN}")
