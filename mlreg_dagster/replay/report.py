"""The report on a replay, as one HTML file with its pictures inside."""

from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.evidence.templating import render
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.performance.metrics import summary
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.blocks import MIN_WEEKS
from mlreg_dagster.outcomes.worth.difference import MEASURES
from mlreg_dagster.outcomes.worth.lead_time import FALL_PCT, lead_time_of
from mlreg_dagster.outcomes.worth.record import worth_on_record
from mlreg_dagster.outcomes.worth.verdict import Comparison
from mlreg_dagster.registry import AliasEvent, Registry
from mlreg_dagster.replay.comparison import PolicyWorth, compare_policies
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.runner import Runner

_RATES = ("recall", "precision", "false_alarm_rate", "base_rate", "lift")


def monthly(outcomes: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """How right the champions were, by month of the outcome and over all (month `all`).

    All versions that were champion are taken together: the question is how the policy did.
    """
    champions = outcomes[outcomes["role"] == CHAMPION].assign(model_version=CHAMPION)
    months = champions["hour"].dt.strftime("%Y-%m")
    parts = [summary(part, settings).assign(month=str(month)) for month, part in champions.groupby(months)]
    parts.append(summary(champions, settings).assign(month="all"))
    table = pd.concat(parts, ignore_index=True).drop(columns="model_version")
    return table[["month", *(name for name in table.columns if name != "month")]]


def make_report(runner: Runner, replay: Replay) -> str:
    """The report on what was replayed."""
    first, end = replay.first, replay.end
    outcomes = _outcomes_of_champions(runner, first, end)
    months = monthly(outcomes, runner.settings.outcomes)
    worth = worth_on_record(runner.warehouse, CHAMPION, end, runner.settings.outcomes)
    versions = pd.DataFrame(_versions(runner.registry))
    history = [event for event in runner.registry.history(CHAMPION) if event.effective_at < end]
    return render(
        "replay.html.jinja",
        package="mlreg_dagster.replay",
        title=f"Replay of {first:%Y-%m-%d} to {end - pd.Timedelta(days=1):%Y-%m-%d}",
        summary=_in_words(replay, versions, months),
        note=_note(runner),
        moves=[_move(event) for event in history],
        champions_picture=_champions_picture(history, first, end) if history else "",
        policies=[_readable_policy(each, replay) for each in _policies(runner, replay)],
        worth=worth.sentence,
        comparisons=[_readable_comparison(each) for each in worth.comparisons],
        lead_time=_lead_time_in_words(outcomes, runner.settings.outcomes),
        months=_readable(months).to_dict("records") if len(months) else [],
        months_picture=_months_picture(months[months["month"] != "all"]) if len(months) else "",
        versions=versions.to_dict("records"),
    )


def _policies(runner: Runner, replay: Replay) -> list[PolicyWorth]:
    if not replay.compares:
        return []
    return compare_policies(runner.warehouse, replay.first, replay.end, runner.settings.outcomes)


def _readable_policy(found: PolicyWorth, replay: Replay) -> dict[str, Any]:
    """A policy against the best simple ranking, each measure with the interval of its difference in one cell."""
    name = f"this replay: {replay.select}" if found.policy == CHAMPION else found.policy
    shown: dict[str, Any] = {"policy": name, "versions": found.versions or "", "worth": found.worth.verdict}
    best = found.worth.best
    return shown if best is None else shown | {"flagged": _share(best.flagged_share)} | _readable_comparison(best)


def _outcomes_of_champions(runner: Runner, first: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    runner.warehouse.newest(PREDICTION_OUTCOMES)  # the table is there from now on
    return runner.warehouse.query(
        f"SELECT * FROM {PREDICTION_OUTCOMES.name} WHERE role = $role AND hour >= $first AND hour < $end "  # noqa: S608
        f"ORDER BY hour, instrument_id",
        {"role": CHAMPION, "first": first, "end": end},
    )


def _readable_comparison(found: Comparison) -> dict[str, Any]:
    """The champions against one opponent, each measure with the interval of its difference in one cell."""
    shown: dict[str, Any] = {"opponent": found.opponent, "verdict": found.verdict, "pairs": found.pairs}
    for name in MEASURES:
        each = getattr(found, name)
        words = name.replace("_", " ")
        shown |= {words: _share(each.value), f"{words} of the opponent": _share(each.opponent)}
        shown["difference in " + words] = _share(each.difference) + (
            f" ({each.low:.1%} to {each.high:.1%})" if each.low is not None and each.high is not None else ""
        )
    return shown | {"weeks": found.weeks, "independent crash episodes": found.independent_episodes}


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.1%}"


def _note(runner: Runner) -> str:
    outcomes = runner.settings.outcomes
    return (
        f"Source {runner.settings.ingest.source}; a crash is {outcomes.crash}. Intervals of {outcomes.confidence:.0%} "
        f"resample whole weeks with all instruments, days where there are fewer than {MIN_WEEKS} weeks, as in a month; "
        f"by days they are too narrow."
    )


def _in_words(replay: Replay, versions: pd.DataFrame, months: pd.DataFrame) -> str:
    """What was replayed, and its outcomes, in two sentences."""
    statuses = list(versions["status"]) if len(versions) else []
    promoted = int(versions["champion"].ne("").sum()) if len(versions) else 0
    by = "matured outcomes" if replay.select == "outcomes" else f"the policy {replay.policy.automatic!r}"
    return (
        f"{', '.join(replay.models)} trained every {_days(replay.period_days)}, promoted by {by}: "
        f"{len(versions)} versions trained, {statuses.count('rejected')} rejected by "
        f"their gates, {promoted} promoted. {_outcomes_in_words(months)}"
    )


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count} days"


def _outcomes_in_words(months: pd.DataFrame) -> str:
    if months.empty:
        return "No prediction of a champion has an outcome."
    whole = months[months["month"] == "all"].iloc[0]
    return (
        f"The champions made {whole['predictions']:,} predictions; "
        f"{whole['resolved']:,} could be held against a price, {whole['crashes']:,} were crashes, "
        f"{whole['flagged']:,} had been flagged, {whole['true_positives']:,} were both."
    )


def _lead_time_in_words(outcomes: pd.DataFrame, settings: OutcomeSettings) -> str:
    """How early the champions, taken together, flagged crash episodes."""
    champions = outcomes[outcomes["role"] == CHAMPION].assign(model_version=CHAMPION)
    found = lead_time_of(champions, CHAMPION, settings)
    text = f"The champions flagged {found.caught} of {found.episodes} crash episodes"
    if found.median_hours is not None:
        text += (
            f", in the median {found.median_hours:.3g} hours before the price had crossed "
            f"(quartiles {found.lower_quartile_hours:.3g} to {found.upper_quartile_hours:.3g})"
        )
    if found.before_fall_share is not None:
        text += (
            f"; {found.before_fall} of {found.with_known_fall} ({found.before_fall_share:.1%}) were first flagged "
            f"before the price stood {-FALL_PCT:g} % below its 6-hour high"
        )
    return f"{text}."


def _move(event: AliasEvent) -> dict[str, Any]:
    return {
        "champion": event.version,
        "effective from": f"{event.effective_at:%Y-%m-%d %H:%M}",
        "before": event.previous_version or "nobody",
        "by": event.actor,
        "reason": event.reason,
    }


def _versions(registry: Registry) -> list[dict[str, Any]]:
    rows = []
    promoted = {event.version: event for event in registry.history(CHAMPION)}
    for version in registry.versions():
        evaluation, move = registry.latest_evaluation(version.version), promoted.get(version.version)
        failed = [gate for gate in evaluation.gates if not gate.passed] if evaluation else []
        rows.append(
            {
                "version": version.version,
                "detector": version.detector,
                "dataset": version.dataset_day,
                "status": registry.status(version.version),
                "champion": f"from {move.effective_at:%Y-%m-%d}" if move else "",
                "failed gates": "; ".join(
                    f"{gate.name}: {gate.value:.3g}" if gate.value is not None else gate.name for gate in failed
                ),
            }
        )
    return rows


def _readable(months: pd.DataFrame) -> pd.DataFrame:
    """Counts and, for each rate, its value with its interval in one cell."""
    counts = ("predictions", "resolved", "unresolved", "crashes", "flagged", "true_positives")
    shown = months[["month", *counts]].copy()
    for rate in _RATES:
        form = "{:.2f}" if rate == "lift" else "{:.1%}"
        shown[rate.replace("_", " ")] = [
            "undefined"
            if pd.isna(row[rate])
            else form.format(row[rate])
            + (
                ""
                if pd.isna(row[f"{rate}_low"])
                else f" ({form.format(row[f'{rate}_low'])} to {form.format(row[f'{rate}_high'])})"
            )
            for row in months.to_dict("records")
        ]
    return shown


def _champions_picture(history: list[AliasEvent], first: pd.Timestamp, end: pd.Timestamp) -> str:
    from matplotlib.dates import date2num

    figure = new_figure(width=10, height=1.6)
    axes = figure.subplots()
    ends = [event.effective_at for event in history[1:]] + [end]
    terms = [(max(event.effective_at, first), min(until, end)) for event, until in zip(history, ends, strict=True)]
    served = [(event.version, date2num(term)) for event, term in zip(history, terms, strict=True) if term[0] < term[1]]  # type: ignore[no-untyped-call]
    for number, (version, (left, right)) in enumerate(served):
        axes.barh(0, right - left, left=left, color=NORMAL if number % 2 else ACCENT)
        axes.text((left + right) / 2, 0, label(version), ha="center", va="center", fontsize=8, color="white")
    axes.xaxis_date()
    axes.set_xlim(*date2num([first, end]))  # type: ignore[no-untyped-call]
    axes.set_yticks([])
    return as_markdown(figure, "Who was champion when")


def _months_picture(months: pd.DataFrame) -> str:
    figure = new_figure(width=10, height=3.2)
    axes = figure.subplots()
    positions = np.arange(len(months))
    for offset, (rate, colour) in zip(
        (-0.15, 0, 0.15), (("recall", NORMAL), ("precision", ANOMALY), ("base_rate", MUTED)), strict=True
    ):
        values = months[rate].to_numpy()
        spread = np.abs(months[[f"{rate}_low", f"{rate}_high"]].to_numpy().T - values)
        axes.errorbar(
            positions + offset, values, yerr=spread, fmt="o", color=colour, capsize=3, label=rate.replace("_", " ")
        )
    axes.set_xticks(positions, months["month"])
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)
    return as_markdown(figure, "Recall, precision and base rate by month")
