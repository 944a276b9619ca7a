"""The card as a whole, with the six answers on top."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from mlreg_dagster.evidence.card.catalogue import of_section
from mlreg_dagster.evidence.card.contents.facts import contents_of
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Card, Section, Table, when
from mlreg_dagster.evidence.card.performance import measured, success
from mlreg_dagster.evidence.card.requirements import check
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
)
"""The tenth, on the bundle, is made from these."""


def make_card(context: CardContext) -> Card:
    """The card of a version, in ten sections."""
    sections = [_with_requirements(context, make(context)) for make in _SECTIONS]
    headline = _headline(context, sections)
    sections.append(bundle.bundle(context, sections))
    answers = {
        "What data?": _data(context),
        "Which checks?": _checks(context),
        "Who promoted it?": _who(context),
        "Why?": _why(context),
        "How good since?": _how_good(context),
        "How to undo it?": _undo(context),
    }
    return Card(context.version.version, context.now, headline, answers, tuple(sections))


def _with_requirements(context: CardContext, section: Section) -> Section:
    """A section with what it requires by the risk tier, and with a sentence for everything that is not met."""
    section = replace(section, facts=(*section.facts, *contents_of(context, section.key)))
    tier = context.tier
    checked = check(of_section(section.key), context, tier)
    if not checked:
        return section
    sentences = {
        state: tuple(each.finding.text for each in checked if each.required and each.finding.state == state)
        for state in ("missing", "against", "unknown")
    }
    rows = [
        {
            "requirement": each.requirement.key,
            "what": each.requirement.text,
            "state": each.finding.state if each.required else f"{each.finding.state}; not required",
            "finding": each.finding.text,
        }
        for each in checked
    ]
    return replace(
        section,
        facts=(Table(f"Required (risk tier {tier})", rows), *section.facts),
        required=checked,
        missing=section.missing + sentences["missing"],
        against=section.against + sentences["against"],
        unknown=section.unknown + sentences["unknown"],
    )


def _headline(context: CardContext, sections: Sequence[Section]) -> str:
    evaluation = context.evaluation
    status = (
        "was never evaluated" if evaluation is None else "passed its gates" if evaluation.passed else "FAILED its gates"
    )
    holds = f"is {' and '.join(context.aliases)} now" if context.aliases else "holds no alias now"
    what = f"{context.version.detector.replace('_', ' ')}, {context.settings.use_case.name}"
    against = [text for section in sections for text in section.against]
    unsure = [str(section.number) for section in sections if section.unknown]
    return " ".join(
        [
            f"{context.version.version} ({what}) {status} and {holds}.",
            *(["Against it:", *against] if against else []),
            *([f"Not everything is known: see section {', '.join(unsure)}."] if unsure else []),
        ]
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
    return f"{len(evaluation.gates)} gates on {when(evaluation.recorded_at)}, {verdict}. They were: {names}."


def _who(context: CardContext) -> str:
    if not context.moves:
        return "No one: it has never held an alias."
    sentences = [text for move in context.moves for text in promotion.reservations(move)]  # what speaks against it
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
    verdicts = [success(context, each) for each in context.settings.use_case.success]
    met = "; ".join(f"the use case's {each['metric']} is {each['verdict']}" for each in verdicts)
    return (
        f"Of {totals['resolved']:,} predictions with an outcome {totals['crashes']:,} were crashes, "
        f"{totals['flagged']:,} were flagged, {totals['true_positives']:,} were both: {', '.join(rates)}. "
        f"{met[:1].upper()}{met[1:]}."
    )


def _undo(context: CardContext) -> str:
    target, problem = context.way_back.version, context.way_back.problem
    if problem is None:
        return rollback.undo(context)
    return problem if target is None else f"{rollback.undo(context)}; but {problem}"
