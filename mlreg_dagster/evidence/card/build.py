"""The card as a whole, with the six answers on top."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mlreg_dagster.evidence.card.catalogue import of_section
from mlreg_dagster.evidence.card.contents.facts import contents_of
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Card, Section, Table, when
from mlreg_dagster.evidence.card.headline import headline_of
from mlreg_dagster.evidence.card.performance import measured, success
from mlreg_dagster.evidence.card.required.evaluation import failed_attempts
from mlreg_dagster.evidence.card.required.promotion import reservations
from mlreg_dagster.evidence.card.requirements import Checked, check, sentences
from mlreg_dagster.evidence.card.sections import (
    bundle,
    evaluation,
    lineage,
    monitoring,
    operations,
    promotion,
    purpose,
    reproducibility,
    rollback,
    serving,
)
from mlreg_dagster.models.evaluation.attempts import attempts_of, which_attempt

_SHOWN_RATES = ("lift", "recall", "precision")
_SECTIONS = (
    purpose.use_case,
    lineage.lineage,
    evaluation.evaluation,
    promotion.promotion,
    serving.serving,
    monitoring.monitoring,
    rollback.rollback,
    reproducibility.reproducibility,
    operations.operations,
    bundle.bundle,
)


def make_card(context: CardContext) -> Card:
    """The card of a version, in ten sections."""
    sections = [_with_requirements(context, make(context)) for make in _SECTIONS]
    headline = headline_of(context, sections[:-1])
    sections[-1] = _with_other_sections(sections[-1], sections[:-1])
    answers = {
        "What data?": _data(context),
        "Which checks?": _checks(context),
        "Who promoted it?": _who(context),
        "Why?": _why(context),
        "How good since?": _how_good(context),
        "How to undo it?": rollback.undo(context),
    }
    return Card(context.version.version, context.now, headline, answers, tuple(sections))


def _with_requirements(context: CardContext, section: Section) -> Section:
    """A section with what it requires by the risk tier, and with a sentence for everything that is not met."""
    section = replace(section, facts=(*section.facts, *contents_of(context, section.key)))
    checked = check(of_section(section.key), context, context.tier)
    title = f"Required in the risk tier {context.tier}"
    return replace(
        section,
        facts=(Table(title, [_row(each) for each in checked], key="required"), *section.facts),
        required=checked,
        missing=sentences(checked, "missing"),
        against=sentences(checked, "against"),
        unknown=sentences(checked, "unknown"),
    )


def _row(each: Checked) -> dict[str, Any]:
    return {
        "state": each.finding.state,
        "what must be there": each.requirement.text,
        "finding": each.finding.text or None,
        "required": each.required,
        "requirement": each.requirement.key,
    }


def _with_other_sections(bundle: Section, others: Sequence[Section]) -> Section:
    """The bundle, which is as complete as the other sections are."""
    return replace(
        bundle,
        missing=(
            *(f"Section {each.number} is incomplete: {each.title}." for each in others if each.missing),
            *bundle.missing,
        ),
        against=(
            *(f"Section {each.number} speaks against it: {each.title}." for each in others if each.against),
            *bundle.against,
        ),
        unknown=(
            *(f"Section {each.number} leaves things unknown: {each.title}." for each in others if each.unknown),
            *bundle.unknown,
        ),
    )


def _data(context: CardContext) -> str:
    manifest, dataset = context.version.manifest, context.training.lineage
    first, end = (pd.Timestamp(manifest[name]) for name in ("training_first_hour", "training_end"))
    text = (
        f"{manifest['training_rows']:,} rows of {len(manifest['features'])} features from {first:%Y-%m-%d %H:%M} to "
        f"{end:%Y-%m-%d %H:%M} UTC"
    )
    if dataset:
        text += f", of {dataset['instruments']} instruments"
    text += f"; dataset of {context.version.dataset_day}, SHA-256 {context.version.dataset_sha256[:12]}."
    parts = [context.training, *([context.holdout] if context.holdout else [])]
    return " ".join([text, *(str(part.changes) for part in parts if part.changes and part.changes.changed)])


def _checks(context: CardContext) -> str:
    evaluation = context.evaluation
    if evaluation is None:
        return "None: it was never evaluated."
    failed = [gate.name for gate in evaluation.gates if not gate.passed]
    names = ", ".join(gate.name for gate in evaluation.gates)
    verdict = f"failed {', '.join(failed)}" if failed else "all passed"
    text = f"{len(evaluation.gates)} gates on {when(evaluation.recorded_at)}, {verdict}. They were: {names}."
    counted = which_attempt(attempts_of(context.evaluations))
    return " ".join([text, *([counted] if counted else []), *failed_attempts(context)])


def _who(context: CardContext) -> str:
    if not context.moves:
        return "No one: it has never held an alias."
    sentences = [text for move in context.moves for text in reservations(move)]  # what speaks against it
    for move in context.moves:
        approved = move.evidence.get("facts", {}).get("approved_by", ())
        by = f"approved by {', '.join(approved)}" if approved else "no approval was asked for or given"
        sentences.append(f"{move.actor} made it {move.alias} from {when(move.effective_at)} on; {by}.")
    return " ".join(sentences)


def _why(context: CardContext) -> str:
    if not context.moves:
        return "-"
    return " ".join(f"{move.alias}: “{move.reason}”." for move in context.moves)


def _how_good(context: CardContext) -> str:
    if context.outcomes.empty:
        return "Not known: no prediction of it has fallen due."
    totals = measured(context)
    rates = []
    for name in _SHOWN_RATES:
        if totals[name] is None:
            rates.append(f"{name} undefined")
            continue
        low, high = totals[f"{name}_low"], totals[f"{name}_high"]
        rates.append(
            f"{name} {totals[name]:.3g}" + (" (no interval)" if low is None else f" ({low:.3g} to {high:.3g})")
        )
    verdicts = [success(context, each) for each in context.use_case.success]
    met = "; ".join(f"the use case's {each['metric']} is {each['verdict']}" for each in verdicts)
    return (
        f"Of {totals['resolved']:,} predictions with an outcome {totals['crashes']:,} were crashes, "
        f"{totals['flagged']:,} were flagged, {totals['true_positives']:,} were both: {', '.join(rates)}. "
        f"{met[:1].upper()}{met[1:]}."
    )
