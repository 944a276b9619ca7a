"""Section 5: how a version scores, and whether it still can."""

from typing import Any

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Picture, Section, Table, Text, Values
from mlreg_dagster.governance.rollout.wording import share, state_in_words
from mlreg_dagster.models.artifacts.files import GRAPH
from mlreg_dagster.registry import TrafficEvent


def serving(context: CardContext) -> Section:
    """How it scores, and whether it still can."""
    bundle, limits = context.bundle, context.use_case.constraints
    gates = {gate.name: gate for gate in context.evaluation.gates} if context.evaluation else {}
    speed = gates.get("scoring_latency")
    facts: tuple[Fact, ...] = (
        Text(
            "Every hour, the champion as of that hour scores all instruments of the hour (asset predictions), and the "
            "challenger in its shadow; an hour that is scored later is scored by the champion of then. The artifact is "
            "loaded by its registered hash, and no code from it is run.",
            key="scoring",
        ),
        Values(
            "Scorer",
            {
                "pipeline": "pipeline.skops, whose types are on a list of trusted ones",
                "portable graph": GRAPH if GRAPH in bundle.files else "none",
                "remark on the graph": context.version.manifest.get("graph", "made before there were graphs"),
                "bundle, bytes": bundle.size,
                "allowed, MB": limits.max_model_mb,
                "allowed latency, ms": limits.max_latency_ms,
                "measured latency": speed.detail if speed else "this risk tier does not ask for it",
                "intact and loads": None if context.untried and bundle.problem is None else bundle.problem is None,
            },
            key="scorer",
        ),
        Table(
            "Predictions so far, by the role in which it made them",
            [dict(row) for row in context.predictions],
            key="predictions",
        ),
        Text(
            "Release: an alias moves within one transaction, when promotion.yaml lets it (section 4); predictions "
            "follow from the alias's effective time on. Servers split the traffic of an alias while a rollout is open. "
            "Nothing is deployed besides.",
            key="release",
        ),
        Table("Rollouts of it", [_change(each) for each in context.traffic], key="rollouts"),
        *_weights(context),
    )
    return Section("serving", facts)


def _weights(context: CardContext) -> tuple[Picture, ...]:
    if not context.traffic:
        return ()
    from mlreg_dagster.governance.plots import traffic_timeline

    return (Picture(lambda: traffic_timeline(context.traffic, context.now)),)


def _change(event: TrafficEvent) -> dict[str, Any]:
    return {
        "rollout": event.rollout,
        "alias": event.alias,
        "in place of": event.champion,
        "state": state_in_words(event),
        "share of the traffic": share(event),
        "since": event.effective_at,
        "ruling": event.ruling.replace("_", " "),
        "by": event.actor,
        "reason": event.reason,
    }
