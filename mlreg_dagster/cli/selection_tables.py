"""Tables of a selection of features for the terminal; their facts are documented in docs/json.md."""

from typing import TYPE_CHECKING

from rich.markup import escape

from mlreg_dagster.cli.figures import as_change, as_interval, in_colour
from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:  # with what it takes to score
    from mlreg_dagster.models.selection.selecting import Selection


def families_table(found: "Selection") -> Grid:
    """Families of features, the one that costs most first."""
    columns = ("family", "drop in AP", "interval", "drop in worth", "interval", "in the first half", "kept", "features")
    grid = Grid(f"What {found.model}.yaml loses when a family of features is permuted", columns, list(found.families))
    for each in found.families:
        grid.add_row(
            escape(each.family),
            as_change(each.drop),
            as_interval(each.low, each.high, as_change),
            as_change(each.worth_drop),
            as_interval(each.worth_low, each.worth_high, as_change),
            f"{each.top_share:.0%}",
            "[green]yes[/]" if each.kept else "not shown",
            escape(", ".join(each.features)),
        )
    order = "can't be told" if found.rank_correlation is None else f"{found.rank_correlation:.2f}"
    grid.caption = (
        f"AP: average precision at finding anomalies planted in {found.rounds} rounds into {len(found.folds)} folds of "
        f"the training days of {found.dataset_day}, with seeds of their own. Worth: share of crashes among what is "
        f"flagged, {found.crashes} crash rows known. {found.refits} refits to halves of the hours; their orders of the "
        f"families correlate by {order}. {found.confidence:.0%} intervals."
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
            as_change(each.difference),
            as_interval(each.low, each.high, as_change) if each.verdict else "",
            in_colour(each.verdict),
            "-" if each.worth is None else f"{each.worth:.4f}",
            as_change(each.worth_difference),
            as_interval(each.worth_low, each.worth_high, as_change) if each.verdict else "",
        )
    grid.caption = (
        "Each list is fitted to the rows before each fold and held against all features on the same rows, with "
        "anomalies of other seeds than families were chosen by. The days are the same ones: a holdout decides."
    )
    return grid
