"""Section 3: how a version was trained, and the result of each evaluation."""

import pandas as pd

from mlreg_dagster.evidence.card.contents.attempts import attempt_facts
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Picture, Section, Table, Text, Values, flat, when
from mlreg_dagster.models.asset_metadata import importance_rows
from mlreg_dagster.models.gates import STRICT_GATES
from mlreg_dagster.models.manifests import LEARNED, ORIGINS
from mlreg_dagster.registry import Evaluation, ModelVersion

_TABLES = ("versus_champion", "stability", "importance")
"""The metrics that are shown by themselves."""

_NOT_COMPARED = Text(
    "No other version was champion when it was evaluated: there was none to compare it with.", key="not_compared"
)


def evaluation(context: CardContext) -> Section:
    """How it was trained, and the result of every evaluation."""
    version, latest = context.version, context.evaluation
    if latest is None:
        return Section("evaluation", (_training(version),))
    return Section(
        "evaluation",
        facts=(
            _training(version),
            *attempt_facts(context),
            *_results(context, latest),
            *_comparisons(context, latest),
            *_numbers(latest),
        ),
    )


def _training(version: ModelVersion) -> Fact:
    manifest = version.manifest
    return Values(
        "Training",
        {
            **{f"settings.{name}": value for name, value in flat(manifest["settings"]).items()},
            "rows": manifest["training_rows"],
            "sampled from rows": manifest["sampled_from_rows"],
            "rows identical to an earlier one": manifest.get("identical_rows"),
            "threshold": manifest["threshold"],
            "training anomaly rate": manifest["training_anomaly_rate"],
            "may score from": pd.Timestamp(manifest["scores_from"]),
            "trained": version.created_at,
            "trained by": version.created_by,
            "run": version.run_id,
            **flat({name: manifest[name] for name in (*LEARNED, *ORIGINS) if name in manifest}),
            **{f"plug-in.{name}": value for name, value in flat(manifest.get("plugin") or {}).items()},
        },
        key="training",
    )


def _results(context: CardContext, latest: Evaluation) -> list[Fact]:
    """Every evaluation, the newest first, with a picture of the one that counts."""
    from mlreg_dagster.models.plots import gate_summary

    newest, *earlier = [_evaluation(each, each is latest) for each in reversed(context.evaluations)]
    return [newest, Picture(lambda: gate_summary(latest.gates)), *earlier]


def _comparisons(context: CardContext, latest: Evaluation) -> list[Fact]:
    """Against the champion and against its own refits; and what the risk tier does not ask for."""
    from mlreg_dagster.models.plots import refit_scatter

    tier, asked_by = context.tier_policy, f"The {context.tier} risk tier"
    importance = importance_rows(latest.metrics.get("importance") or {})
    versus, stability = latest.metrics.get("versus_champion"), latest.metrics.get("stability")
    facts: list[Fact] = [
        Values("Against the champion of then, on the same rows", flat(versus), key="versus_champion")
        if versus
        else _NOT_COMPARED
    ]
    if unasked := [name for name in STRICT_GATES if name not in tier.gates and name not in _measured(latest)]:
        facts.append(Text(f"{asked_by} does not ask for these gates: {', '.join(unasked)}.", key="gates_not_asked"))
    if stability:
        facts += [
            Values("Stability of refits", flat(stability), key="stability"),
            Picture(lambda: refit_scatter(stability)),
        ]
    elif not tier.stable:
        facts.append(Text(f"{asked_by} does not ask for a stable evaluation.", key="stability_not_asked"))
    if importance:
        title = "Families of features, by the average precision that is lost when a family is permuted"
        facts.append(Table(title, importance, key="importance"))
    return facts


def _numbers(latest: Evaluation) -> list[Fact]:
    numbers = {name: value for name, value in latest.metrics.items() if name not in _TABLES}
    return [
        Values("Further numbers", flat(numbers), folded=True, key="numbers"),
        Values("Settings of the evaluation", flat(latest.thresholds), folded=True, key="settings"),
    ]


def _measured(evaluation: Evaluation) -> set[str]:
    return {gate.name for gate in evaluation.gates}


def _evaluation(evaluation: Evaluation, is_latest: bool) -> Fact:
    title = (
        f"Evaluation #{evaluation.id}{_kind(evaluation, is_latest)}: "
        f"{'passed' if evaluation.passed else 'FAILED'}, {when(evaluation.recorded_at)}, by {evaluation.actor}, on "
        f"holdout {evaluation.holdout_sha256[:12]}"
    )
    rows = [
        {
            "gate": gate.name,
            "passed": gate.passed,
            "value": gate.value,
            **{name: (gate.interval or {}).get(name) for name in ("low", "high")},
            "threshold": gate.threshold,
            "detail": gate.detail,
        }
        for gate in evaluation.gates
    ]
    return Table(
        title, rows, folded=not is_latest, key="gates" if is_latest else f"gates_of_evaluation_{evaluation.id}"
    )


def _kind(evaluation: Evaluation, is_latest: bool) -> str:
    if evaluation.departures:
        return f", an experiment that admits nothing ({'; '.join(evaluation.departures)})"
    return ", which counts" if is_latest else ""
