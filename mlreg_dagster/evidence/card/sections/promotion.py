"""Section 4: who promoted a version, by which policy, and whether the record can be trusted."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Picture, Section, Table, Values, flat, when
from mlreg_dagster.evidence.card.suspensions import suspensions
from mlreg_dagster.registry import AliasEvent, Decision, Refusal, Withdrawal


def promotion(context: CardContext) -> Section:
    """Who promoted it, by which policy, and whether the record of it can be trusted."""
    facts: list[Fact] = [
        Values(
            "Registered",
            {
                "version": context.version.version,
                "artifact SHA-256": context.version.artifact_sha256,
                "holds now": list(context.aliases),
            },
            key="registered",
        ),
        Table("Approvals, rejections, waivers", [_decision(each, context.withdrawals) for each in context.decisions],
              key="decisions"),
        Table("Moves of an alias to it", [_move(move) for move in context.moves], key="moves"),
        Table("Promotions of it that were refused or had to wait", [_refusal(each) for each in context.refusals],
              key="refusals"),
        suspensions(context),
        *(Values(f"Evidence of the move of {each.alias} at {when(each.effective_at)}", flat(each.evidence), folded=True,
                 key=f"evidence_of_{each.alias}_move_{each.sequence}")
          for each in context.moves if each.evidence),
        Values(f"Policy in force (risk tier {context.tier})", flat(_policy(context)), folded=True, key="policy"),
        Values(
            "Audit log",
            {
                "intact": context.tampering is None,
                "records": len(context.audit),
                "head": context.audit[-1].hash if context.audit else None,
            },
            key="audit_log",
        ),
    ]  # fmt: skip
    if context.champions:
        from mlreg_dagster.governance.plots import alias_timeline

        facts.insert(3, Picture(lambda: alias_timeline(context.champions, _end(context))))
    return Section("promotion", tuple(facts))


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "alias": refusal.alias,
        "recorded": refusal.recorded_at,
        "by": refusal.actor,
        "outcome": "has to wait" if refusal.outcome == "hold" else "refused",
        "because": refusal.because,
    }


def _end(context: CardContext) -> pd.Timestamp:
    """Until when holders are drawn: the market's end where history is replayed, which ends long before now."""
    until, last = context.market_until, context.champions[-1].effective_at
    return until if until is not None and until > last else context.now


def _decision(decision: Decision, withdrawals: Sequence[Withdrawal]) -> dict[str, Any]:
    by = next((each for each in withdrawals if each.decision_id == decision.id), None)
    return {
        "number": decision.id,
        "decision": decision.title,
        "by": decision.actor,
        "reason": decision.reason,
        "on evaluation": decision.evaluation_id,
        "waives": list(decision.waives),
        "withdrawn by": by.actor if by else None,
        "withdrawn because": by.reason if by else None,
        "until": decision.expires_at,
        "recorded": decision.recorded_at,
        "signed": decision.signature is not None,
    }


def _move(move: AliasEvent) -> dict[str, Any]:
    approved: Sequence[str] = move.evidence.get("facts", {}).get("approved_by", ())
    return {
        "alias": move.alias,
        "before": move.previous_version,
        "effective from": move.effective_at,
        "recorded": move.recorded_at,
        "by": move.actor,
        "reason": move.reason,
        "approved by": list(approved),
        "on evaluation": move.evaluation_id,
        "run": move.run_id,
    }


def _policy(context: CardContext) -> dict[str, Any]:
    policy, tier = context.rules.promotion.model_dump(mode="json"), context.tier
    return {name: value for name, value in policy.items() if name not in ("low", "high")} | {tier: policy[tier]}
