"""Tables of reasons and of importance for the terminal; their facts are documented in docs/json.md."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.cli.figures import as_change, as_interval
from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:  # with what it takes to score
    from mlreg_dagster.models.importance import Importances
    from mlreg_dagster.outcomes.reasons.lookup import Explanation


def explanation_table(found: "Explanation") -> Grid:
    """The families that raised a score, and the remainder."""
    state = {True: "flagged", False: "not flagged", None: "not predicted"}[found.flagged]
    title = f"{found.version} on {found.instrument_id} at {found.hour:%Y-%m-%d %H:%M}: {state}"
    columns = ("", "family", "share", "of the difference", "strongest feature", "value", "median in training")
    grid = Grid(title, columns, list(found.reasons))
    for row in found.reasons:
        grid.add_row(
            str(row["rank"]) if row["feature"] else "",
            escape(row["family"]),
            f"{row['share']:+.4g}",
            _percent(row["part"]),
            escape(row["feature"] or ""),
            _number(row["value"]) if row["feature"] else "",
            _number(row["training_median"]) if row["feature"] else "",
        )
    grid.notes.append(
        f"Score {found.score:.4g}, threshold {found.threshold:.4g}; {found.score_at_medians:.4g} where every feature "
        f"has its median of the training rows. The shares sum to the difference."
    )
    return grid


def _number(value: Any) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def importance_table(version: str, found: "Importances") -> Grid:
    """Families of features, the one that a version needs most first."""
    columns = ("family", "drop in AP", f"{found.confidence:.0%} interval", "needed", "features")
    grid = Grid(f"What {version} finds less of when a family of features is permuted", columns, list(found.families))
    for each in found.families:
        ends = as_interval(each.low, each.high, as_change)
        needed = "[green]yes[/]" if set(each.features) <= set(found.needed) else "not shown"
        grid.add_row(escape(each.family), as_change(each.drop), ends, needed, escape(", ".join(each.features)))
    grid.caption = (
        f"AP: average precision at finding planted anomalies, {found.average_precision:.3f}. Intervals over "
        f"{found.rounds} rounds of planting and {found.refits} refits."
    )
    return grid


def needed_lines(version: str, found: "Importances", needed: Sequence[str]) -> list[str]:
    """Lines of YAML for a model file: the features of the families that a version is shown to need.

    Raises:
        MlregError: No family is shown to be needed.
    """
    if not needed:
        raise MlregError(
            f"No family of features is shown to be needed by {version}: of none the interval lies above 0. Plant more "
            f"rounds (injection.rounds in evaluation.yaml), or keep all features."
        )
    kept = [each.family for each in found.families if set(each.features) <= set(needed)]
    left_out = [each.family for each in found.families if each.family not in kept]
    return [
        f"# Needed by {version}: {', '.join(kept)}. Not shown to be needed: {', '.join(left_out) or 'none'}.",
        f"# {found.confidence:.0%} intervals over {found.rounds} rounds of planting and {found.refits} refits.",
        "# Families that stand in for each other may all look unneeded: train it as a challenger, and compare.",
        "features:",
        *(f"  - {name}" for name in needed),
    ]
