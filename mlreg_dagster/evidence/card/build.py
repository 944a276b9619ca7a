"""The card as a whole, with the six answers on top."""

from collections.abc import Sequence

import pandas as pd

from mlreg_dagster.evidence.card import section_6, sections_1_to_4, sections_5_to_10
from mlreg_dagster.evidence.card.context import Known
from mlreg_dagster.evidence.card.elements import Card, Section, when
from mlreg_dagster.evidence.card.performance import measured, success

_TOLD_RATES = ("lift", "recall", "precision")
_SECTIONS = (
    sections_1_to_4.use_case,
    sections_1_to_4.lineage,
    sections_1_to_4.evaluation,
    sections_1_to_4.promotion,
    sections_5_to_10.serving,
    section_6.monitoring,
    sections_5_to_10.rollback,
    sections_5_to_10.reproducibility,
    sections_5_to_10.operations,
)
"""The tenth, on the bundle, is made from these."""


def make_card(known: Known) -> Card:
    """Everything that is to be said of a version, in ten sections."""
    sections = [make(known) for make in _SECTIONS]
    headline = _headline(known, sections)
    sections.append(sections_5_to_10.bundle(known, sections))
    answers = {
        "What data?": _data(known),
        "Which checks?": _checks(known),
        "Who let it in?": _who(known),
        "Why?": _why(known),
        "How good since?": _how_good(known),
        "How to undo it?": _undo(known),
    }
    return Card(known.version.version, known.now, headline, answers, tuple(sections))


def _headline(known: Known, sections: Sequence[Section]) -> str:
    evaluation = known.evaluation
    status = (
        "was never evaluated" if evaluation is None else "passed its gates" if evaluation.passed else "FAILED its gates"
    )
    holds = f"is {' and '.join(known.aliases)} now" if known.aliases else "holds no alias now"
    what = f"{known.version.detector.replace('_', ' ')}, {known.settings.use_case.name}"
    against = [text for section in sections for text in section.against]
    unsure = [str(section.number) for section in sections if section.unknown]
    return " ".join(
        [
            f"{known.version.version} ({what}) {status} and {holds}.",
            *(["Against it:", *against] if against else []),
            *([f"Not everything is known: see section {', '.join(unsure)}."] if unsure else []),
        ]
    )


def _data(known: Known) -> str:
    manifest, told = known.version.manifest, known.training.lineage
    first, end = (pd.Timestamp(manifest[name]) for name in ("training_first_hour", "training_end"))
    text = (
        f"{manifest['training_rows']:,} rows of {len(manifest['features'])} features from {first:%Y-%m-%d %H:%M} to "
        f"{end:%Y-%m-%d %H:%M} UTC"
    )
    if told:
        text += f", of {told['instruments']} instruments"
    text += f"; dataset of {known.version.dataset_day}, SHA-256 {known.version.dataset_sha256[:12]}."
    parts = [known.training, *([known.holdout] if known.holdout else [])]
    return " ".join([text, *(str(part.changes) for part in parts if part.changes and part.changes.changed)])


def _checks(known: Known) -> str:
    evaluation = known.evaluation
    if evaluation is None:
        return "None: it was never evaluated."
    failed = [gate.name for gate in evaluation.gates if not gate.passed]
    names = ", ".join(gate.name for gate in evaluation.gates)
    verdict = f"failed {', '.join(failed)}" if failed else "all passed"
    return f"{len(evaluation.gates)} gates on {when(evaluation.recorded_at)}, {verdict}. They were: {names}."


def _who(known: Known) -> str:
    if not known.moves:
        return "Nobody: it has never held an alias."
    told = [text for move in known.moves for text in sections_1_to_4.reservations(move)]  # first what speaks against it
    for move in known.moves:
        approved = move.evidence.get("facts", {}).get("approved_by", ())
        by = f"approved by {', '.join(approved)}" if approved else "no approval was asked for or given"
        told.append(f"{move.actor} made it {move.alias} from {when(move.effective_at)} on; {by}.")
    return " ".join(told)


def _why(known: Known) -> str:
    if not known.moves:
        return "-"
    return " ".join(f"{move.alias}: “{move.reason}”." for move in known.moves)


def _how_good(known: Known) -> str:
    if known.outcomes.empty:
        return "Not known: no prediction of it has fallen due."
    found = measured(known)
    rates = []
    for name in _TOLD_RATES:
        if found[name] is None:
            rates.append(f"{name} undefined")
            continue
        low, high = found[f"{name}_low"], found[f"{name}_high"]
        rates.append(f"{name} {found[name]:.3g}" + (" (no interval)" if low is None else f" ({low:.3g} to {high:.3g})"))
    verdicts = [success(known, each) for each in known.settings.use_case.success]
    met = "; ".join(f"the use case's {each['metric']} is {each['verdict']}" for each in verdicts)
    return (
        f"Of {found['resolved']:,} predictions with an outcome {found['crashes']:,} were crashes, {found['flagged']:,} "
        f"were flagged, {found['true_positives']:,} were both: {', '.join(rates)}. {met[:1].upper()}{met[1:]}."
    )


def _undo(known: Known) -> str:
    target, problem = known.way_back.version, known.way_back.problem
    if problem is None:
        return sections_5_to_10.undo(known)
    return problem if target is None else f"{sections_5_to_10.undo(known)}; but {problem}"
