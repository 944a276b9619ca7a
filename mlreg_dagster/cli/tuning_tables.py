"""Tables of a study for the terminal, and its facts for `--json`."""

from dataclasses import asdict
from typing import Any

from rich.markup import escape

from mlreg_dagster.cli.figures import as_number, in_colour
from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.models.tuning.record import COMPLETE, Study

_SHOWN = 10
_FIGURES = {"planted": "planted anomalies (AP)", "worth": "worth (precision at the flag budget)"}


def trials_table(study: Study) -> Grid:
    """The best complete trials, and the default beside them; all trials as facts."""
    grid = Grid(
        f"Study {study.name}: {len(study.finished)} trials of {study.model}.yaml ({study.detector}), "
        f"{study.pruned_share:.0%} pruned",
        ("trial", "objective", "planted", "worth", "parameters"),
        [asdict(each) for each in study.trials],
        empty="No trial is complete.",
        caption="Planted: average precision at planted anomalies. Worth: share of the flagged rows that a crash "
        "followed, at the flag budget. Objective: their mean by the weights of tuning.yaml.",
    )
    complete = sorted((each for each in study.trials if each.state == COMPLETE), key=lambda each: -(each.value or 0))
    default = [each for each in complete[_SHOWN:] if not each.params]
    for each in [*complete[:_SHOWN], *default]:
        params = ", ".join(f"{place}={_brief(value)}" for place, value in each.params.items()) or "the default"
        marked = f"[bold]{each.number}[/]" if each.number == study.best else str(each.number)
        grid.add_row(marked, as_number(each.value), as_number(each.planted), as_number(each.worth), escape(params))
    return grid


def measured_table(study: Study) -> Grid:
    """Tuned against default, on days and seeds that tuning never saw."""
    grid = Grid(
        f"Trial {study.best} against the default, on days and seeds that tuning never saw",
        ("figure", "tuned", "default", "difference", "low", "high", "verdict"),
        [asdict(each) for each in study.measured],
        empty="The default is the best: there is nothing to hold against it.",
    )
    for each in study.measured:
        numbers = (each.tuned, each.default, each.difference, each.low, each.high)
        grid.add_row(_FIGURES[each.figure], *map(as_number, numbers), in_colour(each.verdict))
    return grid


def study_facts(study: Study) -> dict[str, Any]:
    """A study as plain values, but for its trials."""
    facts = {key: value for key, value in asdict(study).items() if key not in ("trials", "measured", "result")}
    return facts | {"finished": len(study.finished), "pruned_share": study.pruned_share}


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
