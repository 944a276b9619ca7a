"""Tables of reasons and of importance for the terminal; their facts are documented in docs/json.md."""

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:
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
