"""Sections 1 to 4: what a version is for, what it was made from, how it was judged, who let it in."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.evidence.card.context import Known
from mlreg_dagster.evidence.card.elements import Fact, Picture, Section, Table, Text, Values, flat, when
from mlreg_dagster.market.features.features import describe_features
from mlreg_dagster.models.artifacts.verified import Frozen
from mlreg_dagster.models.gates import STRICT_GATES
from mlreg_dagster.registry import AliasEvent, Evaluation, Refusal, Withdrawal

_NOT_COMPARED = Text("Nobody else was champion when it was evaluated: there was nobody to compare it with.")


def use_case(known: Known) -> Section:
    """What it is for.

    A version that was built under other words than today's counts as bound to them once somebody moved an alias to it
    under them; else what is shown here is not what it was built for, and that is said to be missing.
    """
    case = known.settings.use_case
    built_under = known.version.manifest.get("use_case_sha256")
    moved_under = {move.evidence.get("use_case_sha256") for move in known.moves}
    missing = []
    if built_under is None:
        missing.append(f"{known.version.version} does not say under which use case it was built.")
    elif built_under != case.sha256 and case.sha256 not in moved_under:
        missing.append(
            f"{known.version.version} was built under another use case than today's, and nobody has moved an alias "
            f"to it under today's."
        )
    if not case.success:
        missing.append("use_case.yaml names no metric of success.")
    facts: tuple[Fact, ...] = (
        Values(
            "Use case",
            {
                "name": case.name,
                "objective": case.objective,
                "owner": case.owner,
                "risk tier": case.risk_tier,
                "SHA-256 of use_case.yaml's values": case.sha256,
                "the version was built under": built_under or "unknown",
                "these are the same": built_under == case.sha256,
            },
        ),
        Table("Metrics of success", [_bounds(each) for each in case.success]),
        Values("Constraints", case.constraints.model_dump()),
    )
    return Section("use_case", facts, tuple(missing))


def lineage(known: Known) -> Section:
    """What went in."""
    manifest = known.version.manifest
    settings = FeatureSettings.model_validate(manifest["feature_settings"])
    meanings = describe_features(settings)
    parts = [known.training, *([known.holdout] if known.holdout else [])]
    missing = [f"{part.kind} {part.key} can't be used: {part.problem}" for part in parts if part.problem]
    missing += [str(part.changes) for part in parts if part.changes and part.changes.changed]
    if unknown := [name for name in manifest["features"] if name not in meanings]:
        missing.append(f"No description of: {', '.join(unknown)}.")
    source = known.settings.ingest
    facts: tuple[Fact, ...] = (
        Values(
            "Source, as configured today",
            {"source": source.source, "first hour": when(source.first_hour), "universe": source.universe},
        ),
        Table("Frozen datasets", [_dataset(part) for part in parts]),
        Table(
            "Their hours in the tables of today",
            [part.changes.as_facts() for part in parts if part.changes],
        ),
        Values(
            "Features",
            {
                "fingerprint of their settings": manifest["feature_fingerprint"],
                **flat(manifest["feature_settings"]),
                "same as those computed today": settings == known.settings.features,
            },
        ),
        Table(
            "Data dictionary: what the model sees, in its order",
            [{"feature": name, "meaning": meanings.get(name, "unknown")} for name in manifest["features"]],
            folded=True,
        ),
    )
    return Section("lineage", facts, tuple(missing))


def evaluation(known: Known) -> Section:
    """How it was trained, and what every evaluation said."""
    version, latest = known.version, known.evaluation
    manifest = version.manifest
    facts: list[Fact] = [
        Values(
            "Training",
            {
                **{f"settings.{name}": value for name, value in flat(manifest["settings"]).items()},
                "rows": manifest["training_rows"],
                "sampled from rows": manifest["sampled_from_rows"],
                "rows identical to an earlier one": manifest.get("identical_rows", "unknown"),
                "threshold": manifest["threshold"],
                "training anomaly rate": manifest["training_anomaly_rate"],
                "may score from": when(pd.Timestamp(manifest["scores_from"])),
                "trained": when(version.created_at),
                "trained by": version.created_by,
                "run": version.run_id,
                **{f"plug-in.{name}": value for name, value in flat(manifest.get("plugin") or {}).items()},
            },
        )
    ]
    if latest is None:
        return Section("evaluation", tuple(facts), (f"{version.version} was never evaluated.",))
    from mlreg_dagster.models.plots import gate_summary, refit_scatter

    tier = known.settings.promotion.of(known.settings.use_case.risk_tier)
    measured = {gate.name for gate in latest.gates}
    missing = [f"The gate {name} of this risk tier was not measured." for name in tier.gates if name not in measured]
    facts += [_evaluation(each, each is latest) for each in reversed(known.evaluations)]
    facts.insert(2, Picture(lambda: gate_summary(latest.gates)))
    versus = latest.metrics.get("versus_champion")
    facts.append(Values("Against the champion of then, on the same rows", flat(versus)) if versus else _NOT_COMPARED)
    asked_by = f"The {known.settings.use_case.risk_tier} risk tier"
    if others := [name for name in STRICT_GATES if name not in tier.gates and name not in measured]:
        facts.append(Text(f"{asked_by} does not ask for these gates: {', '.join(others)}."))
    stability = latest.metrics.get("stability")
    if stability:
        facts += [Values("Stability of refits", flat(stability)), Picture(lambda: refit_scatter(stability))]
    elif not tier.stable:
        facts.append(Text(f"{asked_by} does not ask for a stable evaluation."))
    if tier.stable and (stability or {}).get("verdict", "not measured") == "not measured":
        missing.append("The stability that this risk tier asks for was not measured.")
    numbers = {name: value for name, value in latest.metrics.items() if name not in ("versus_champion", "stability")}
    facts += [
        Values("Further numbers", flat(numbers), folded=True),
        Values("Settings of the evaluation", flat(latest.thresholds), folded=True),
    ]
    failed = [gate.name for gate in latest.gates if not gate.passed]
    against = [f"{version.version} failed its gates: {', '.join(failed)}."] if failed else []
    return Section("evaluation", tuple(facts), tuple(missing), tuple(against))


def promotion(known: Known) -> Section:
    """Who let it in, by which policy, and whether the record of it can be trusted."""
    tier = known.settings.use_case.risk_tier
    missing = [f"The audit log does not fit: {known.tampering}"] if known.tampering else []
    missing += [
        f"The move of {move.alias} recorded {when(move.recorded_at)} keeps no evidence of a policy."
        for move in known.moves
        if not move.evidence
    ]
    facts: list[Fact] = [
        Values(
            "Registered",
            {
                "version": known.version.version,
                "artifact SHA-256": known.version.artifact_sha256,
                "holds now": ", ".join(known.aliases) or "no alias",
            },
        ),
        Table("Approvals, rejections and exceptions", [_decision(each, known.withdrawals) for each in known.decisions]),
        Table("Moves of an alias to it", [_move(move) for move in known.moves]),
        Table("Promotions of it that were refused or had to wait", [_refusal(each) for each in known.refusals]),
        *(Values(f"Evidence of the move of {each.alias} at {when(each.effective_at)}", flat(each.evidence), folded=True)
          for each in known.moves if each.evidence),
        Values(f"What promotion.yaml asks today (risk tier {tier})", flat(_policy(known)), folded=True),
        Values(
            "Audit log",
            {
                "intact": known.tampering is None,
                "records": len(known.audit),
                "head": known.audit[-1].hash if known.audit else "none",
            },
        ),
    ]  # fmt: skip
    if known.champions:
        from mlreg_dagster.governance.plots import alias_timeline

        facts.insert(3, Picture(lambda: alias_timeline(known.champions, _end(known))))
    against = [text for move in known.moves for text in reservations(move)]
    return Section("promotion", tuple(facts), tuple(missing), tuple(against))


def reservations(move: AliasEvent) -> list[str]:
    """What a reader must know before believing in a move: waivers, experiments, failures before, changed data."""
    facts, lifted = move.evidence.get("facts", {}), move.evidence.get("verdict", {}).get("lifted", ())
    where = f"It became {move.alias} on {when(move.effective_at)}"
    found = [f"{where} by a waiver of {text}." for text in lifted]
    if departures := facts.get("departures"):
        found.append(f"{where} on an evaluation that was not done as configured: {'; '.join(departures)}.")
    found += [f"{where} although {text}." for text in facts.get("failed_before", ())]
    if hours := facts.get("changed_hours"):
        found.append(f"{where} although {hours} hours of its training data had changed since they were frozen.")
    return found


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "alias": refusal.alias,
        "recorded": when(refusal.recorded_at),
        "by": refusal.actor,
        "outcome": "has to wait" if refusal.outcome == "hold" else "refused",
        "because": refusal.because,
    }


def _end(known: Known) -> pd.Timestamp:
    """Until when holders are drawn: the market's end where history is replayed, which ends long before now."""
    until, last = known.market_until, known.champions[-1].effective_at
    return until if until is not None and until > last else known.now


def _bounds(asked: SuccessMetric) -> dict[str, Any]:
    return {"metric": asked.metric, "at least": asked.at_least, "at most": asked.at_most}


def _dataset(part: Frozen) -> dict[str, Any]:
    told = part.lineage
    return {
        "dataset": part.kind,
        "day": part.key,
        "first hour": when(pd.Timestamp(told["first_hour"])) if told else None,
        "end": when(pd.Timestamp(told["end"])) if told else None,
        "rows": told.get("rows"),
        "instruments": told.get("instruments"),
        "left out": len(told.get("instruments_left_out", ())) if told else None,
        "hours": f"{told['hours_with_rows']} of {told['hours_in_window']}" if told else None,
        "SHA-256": part.sha256,
        "intact": part.problem is None,
    }


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
            "threshold": gate.threshold,
            "detail": gate.detail,
        }
        for gate in evaluation.gates
    ]
    return Table(title, rows, folded=not is_latest)


def _kind(evaluation: Evaluation, is_latest: bool) -> str:
    if evaluation.departures:
        return f", an experiment that admits nothing ({'; '.join(evaluation.departures)})"
    return ", which counts" if is_latest else ""


def _decision(decision: Any, withdrawals: Sequence[Withdrawal]) -> dict[str, Any]:
    by = next((each for each in withdrawals if each.decision_id == decision.id), None)
    return {
        "number": decision.id,
        "decision": decision.kind,
        "by": decision.actor,
        "reason": decision.reason,
        "on evaluation": f"#{decision.evaluation_id}",
        "lifts": list(decision.lifts),
        "withdrawn": f"by {by.actor}: {by.reason}" if by else "no",
        "until": when(decision.expires_at) if decision.expires_at is not None else None,
        "recorded": when(decision.recorded_at),
        "signed": decision.signature is not None,
    }


def _move(move: AliasEvent) -> dict[str, Any]:
    approved: Sequence[str] = move.evidence.get("facts", {}).get("approved_by", ())
    return {
        "alias": move.alias,
        "before": move.previous_version or "nobody",
        "effective from": when(move.effective_at),
        "recorded": when(move.recorded_at),
        "by": move.actor,
        "reason": move.reason,
        "approved by": list(approved),
        "on evaluation": f"#{move.evaluation_id}",
        "run": move.run_id,
    }


def _policy(known: Known) -> dict[str, Any]:
    policy = known.settings.promotion.model_dump(mode="json")
    tier = known.settings.use_case.risk_tier
    return {name: value for name, value in policy.items() if name not in ("low", "high")} | {tier: policy[tier]}
