"""Tables of a selection of features for the terminal; their facts are documented in docs/json.md."""

from typing import TYPE_CHECKING

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:  # with what it takes to score
    from mlreg_dagster.models.selection.selecting import Selection


def groups_table(found: "Selection") -> Grid:
    """Groups of features, the one that costs most first."""
    columns = ("group", "drop in AP", "interval", "drop in worth", "interval", "in the first half", "kept", "features")
    grid = Grid(f"What {found.model}.yaml loses when a group of features is permuted", columns, list(found.groups))
    for each in found.groups:
        grid.add_row(
            escape(each.group),
            f"{each.drop:+.4f}",
            _interval(each.low, each.high),
            _number(each.worth_drop),
            _interval(each.worth_low, each.worth_high),
            f"{each.top_share:.0%}",
            "[green]yes[/]" if each.kept else "not shown",
            escape(", ".join(each.features)),
        )
    order = "can't be told" if found.rank_correlation is None else f"{found.rank_correlation:.2f}"
    grid.caption = (
        f"AP: average precision at finding anomalies planted in {found.rounds} rounds into {len(found.folds)} folds of "
        f"the training days of {found.dataset_day}, with seeds of their own. Worth: share of crashes among what is "
        f"flagged, {found.crashes} crash rows known. {found.refits} refits to halves of the hours; their orders of the "
        f"groups correlate by {order}. {found.confidence:.0%} intervals."
    )
    return grid


def ablation_table(found: "Selection") -> Grid:
    """Lists of features, held against all of them."""
    columns = ("features", "number", "AP", "difference", "interval", "", "worth", "difference", "interval")
    grid = Grid("Fitted again with other features", columns, list(found.ablation))
    for each in found.ablation:
        grid.add_row(
            escape(each.name),
            str(each.features),
            f"{each.average_precision:.4f}",
            _number(each.difference),
            _interval(each.low, each.high) if each.verdict else "",
            each.verdict or "",
            "-" if each.worth is None else f"{each.worth:.4f}",
            _number(each.worth_difference),
            _interval(each.worth_low, each.worth_high) if each.verdict else "",
        )
    grid.caption = (
        "Each list is fitted to the rows before each fold and held against all features on the same rows, with "
        "anomalies of other seeds than groups were chosen by. The days are the same ones: a holdout decides."
    )
    return grid


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _interval(low: float | None, high: float | None) -> str:
    return "can't be told" if low is None or high is None else f"{low:+.4f} to {high:+.4f}"
