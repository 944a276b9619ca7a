"""Tables for the terminal on how versions did: outcomes, worth, and comparisons of two versions.

The facts of each table are documented in docs/json.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.cli.figures import Shown, as_interval, as_number, as_percent, in_colour, is_missing, with_interval
from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:  # with what it takes to compare models
    from mlreg_dagster.governance.promotion.champion_challenger import Challenge
    from mlreg_dagster.models.evaluation.comparison import Comparison


def outcomes_table(rows: Sequence[Mapping[Any, Any]], confidence: float) -> Grid:
    """How right each version was, a column each; `rows` are those of `outcomes.performance.summary`."""
    versions = [str(row["model_version"]) for row in rows]
    empty = "No prediction has fallen due yet."
    grid = Grid(f"Outcomes, with {confidence:.0%} intervals", ("", *versions), rows, empty=empty)
    if not rows:
        return grid
    for name in _COUNTS:
        grid.add_row(name.replace("_", " "), *(f"{row[name]:,}" for row in rows))
    for name in ("recall", "precision", "false_alarm_rate", "base_rate"):
        grid.add_row(name.replace("_", " "), *(_interval(row, name, as_percent) for row in rows))
    grid.add_row("lift", *(_interval(row, "lift", as_number) for row in rows))
    return grid


def lead_times_table(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """How early crashes were flagged: a line each; `rows` are those of `summary.summarize_lead_times`."""
    grid = Grid(
        "Hours from the first flag of a crash episode to the crash",
        ("version", "episodes", "flagged", "median", "half of them"),
        rows,
        empty="No crash that was predicted for has fallen due yet.",
    )
    for row in rows:
        ends = (row["lower_quartile_hours"], row["upper_quartile_hours"])
        between = "-" if is_missing(ends[0]) else f"{ends[0]:.0f} to {ends[1]:.0f}"
        median = "-" if is_missing(row["median_hours"]) else f"{row['median_hours']:.1f}"
        grid.add_row(str(row["model_version"]), f"{row['episodes']:,}", f"{row['caught']:,}", median, between)
    return grid


def worth_table(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Whether each version is worth having: a line each; `rows` are those of `outcomes.worth.newest.newest_worth`."""
    grid = Grid(
        "Against the best simple ranking, at the same flag budget",
        ("version", "as of", "worth", "ranking", "precision", "the ranking's", "difference", "weeks", "episodes"),
        rows,
        empty="No version could be held against a simple ranking yet.",
        caption="champion: whichever version was champion. episodes: independent crash episodes.",
    )
    for row in rows:
        grid.add_row(
            *(str(row[name]) for name in ("model_version", "as_of", "worth")),
            str(row["opponent"]).partition(":")[2],
            *(as_percent(row[name]) for name in ("precision", "opponent_precision")),
            _interval(row, "precision_difference", as_percent),
            *(f"{row[name]:.0f}" for name in ("weeks", "independent_episodes")),
        )
    grid.notes += [escape(str(rows[0]["sentence"]))] if rows else []
    return grid


_COUNTS = ("predictions", "in_sample", "resolved", "unresolved", "crashes", "flagged", "true_positives")


def comparison_table(compared: "Comparison") -> Grid:
    """Two versions on the same rows, and whether they are told apart."""
    title = f"On the same {compared.rows} holdout rows"
    grid = Grid(title, ("", compared.left, compared.right), asdict(compared))
    grid.add_row("injection average precision", *(as_number(value) for value in compared.average_precision))
    grid.add_row("flagged", *(as_percent(value) for value in compared.anomaly_rate))
    grid.add_row("same label", as_percent(compared.agreement), "")
    grid.add_row("rank correlation of scores", as_number(compared.rank_correlation), "")
    if compared.in_sample:
        grid.add_row("knew this holdout (numbers flatter it)", ", ".join(compared.in_sample), "")
    link = "from" if compared.verdict == "not distinguishable" else "than"
    verdict = f"{compared.left} is {compared.verdict} {link} {compared.right} at finding planted anomalies"
    grid.notes.append(f"{verdict}: {compared.reason}")
    for name, values in (("seed", compared.seeds), ("day", compared.days)):
        if len(values) > 1:
            ahead = sum(value > 0 for value in values.values())
            shown = ", ".join(f"{key}: {value:+.3f}" for key, value in values.items())
            grid.notes.append(f"{compared.left} is ahead with {ahead} of {len(values)} {name}s: {shown}")
    return grid


def challenge_table(found: "Challenge") -> Grid:
    """Two versions on the outcomes of the predictions that both made."""
    title = f"On {found.pairs:,} predictions of both, {found.crashes:,} of them before a crash: {found.verdict}"
    columns = (f"{found.challenger} minus {found.champion}", "difference", "interval for a single look", "verdict")
    grid = Grid(title, columns, asdict(found))
    for name in ("informedness", "recall", "precision", "error_rate"):
        each = getattr(found, name)
        said = in_colour(each.verdict) + (f" ({escape(each.reason)})" if each.reason else "")
        ends = as_interval(each.low, each.high)
        grid.add_row(name.replace("_", " "), as_number(each.difference), ends, said)
    return grid


def _interval(row: Mapping[Any, Any], name: str, shown: Shown) -> str:
    if is_missing(row[name]):
        return "undefined"
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], shown)
