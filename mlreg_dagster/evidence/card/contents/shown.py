"""The facts that show source, coverage, segments, episodes and changes; the values come from modules of those names."""

from typing import Any

from mlreg_dagster.datasets.source_record import SOURCE
from mlreg_dagster.evidence.card.contents.contents import REGIMES, Coverage
from mlreg_dagster.evidence.card.contents.episodes import caught_share
from mlreg_dagster.evidence.card.contents.times import as_time
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Table, Text, Values, flat, when
from mlreg_dagster.models.artifacts.verified import Frozen

_MOST_EPISODES = 200
_MOST_NAMES = 20
_MOST_FEATURES = 10
_MOST_CHANGES = 25
_FALSE_ALARMS = "false_alarm_rate"
_FALSE_ALARM_RATE = tuple(f"{_FALSE_ALARMS}{end}" for end in ("", "_low", "_high"))


def source_facts(context: CardContext) -> list[Fact]:
    """Which source the datasets came from, as their lineage keeps it, and the gaps in them."""
    record = context.training.lineage.get(SOURCE)
    settings: Fact = (
        Values(
            "Source, when the training dataset was frozen",
            {name: as_time(value) for name, value in flat(record["configured"]).items()},
            folded=True,
            key="source_recorded",
        )
        if record
        else Text("The source was not recorded when the training dataset was frozen.", key="source_recorded")
    )
    rows = [row for part in context.parts for row in _hours_of(part)]
    return [
        settings,
        Table("Hours of the datasets by source", rows, key="hours_by_source"),
        Table("Gaps in the datasets", [_gaps(part) for part in context.parts if part.lineage], key="gaps"),
    ]


def coverage_facts(context: CardContext) -> list[Fact]:
    """What it was trained on against the newest week."""
    found = context.more.coverage
    if found is None:
        return [Text("There is no market, or no dataset, to hold its training against.", key="representativeness")]
    return [
        Values(
            f"Representativeness: its training against the newest week, {when(found.first)} to {when(found.last)}",
            _representativeness(found),
            key="representativeness",
        ),
        Table(
            "Hours by market regime: thirds of all stored hours, by the median volatility of the instruments",
            [{"hours of": name, **{each: of[each] for each in REGIMES}} for name, of in found.hours_by_regime.items()],
            key="regimes",
        ),
        Table(
            "Features of the newest week that lie outside of the range of the training most often",
            [
                {"feature": name, "share of rows": share}
                for name, share in list(found.outside_by_feature.items())[:_MOST_FEATURES]
            ],
            folded=True,
            key="out_of_range",
        ),
    ]


def segment_facts(context: CardContext) -> list[Fact]:
    """Its performance by segment: what was found, then what was flagged for nothing."""
    rows = context.more.segments
    if not rows:
        return []
    intervals = f"with intervals of {context.settings.outcomes.confidence:.0%} by blocks of time"
    found = [{name: value for name, value in row.items() if not name.startswith(_FALSE_ALARMS)} for row in rows]
    false = [{name: row[name] for name in ("segment", "part", "flagged", *_FALSE_ALARM_RATE)} for row in rows]
    return [
        Table(f"Recall and precision by segment, {intervals}", found, key="segments"),
        Table(f"False alarms by segment, {intervals}", false, folded=True, key="false_alarms_by_segment"),
    ]


def episode_facts(context: CardContext) -> list[Fact]:
    """Its crash episodes, one by one."""
    episodes = list(context.more.episodes)
    if not episodes:
        return []
    return [
        Values(
            "Crash episodes that were flagged",
            caught_share(episodes, context.settings.outcomes),
            key="episodes_flagged",
        ),
        Table(
            f"Crash episodes, the newest {min(len(episodes), _MOST_EPISODES)} of {len(episodes)}",
            episodes[:_MOST_EPISODES],
            folded=True,
            key="episodes",
        ),
    ]


def change_facts(context: CardContext) -> list[Fact]:
    """What differs from the version before."""
    before = context.more.predecessor
    if before is None:
        return [Text("It is the first version: there is none to tell changes against.", key="changes")]
    what = "the champion that it replaced" if before.was_champion else "the version before"
    title = f"Changes against {before.version}, {what}"
    facts: list[Fact] = [Table(title, before.changes, folded=len(before.changes) > _MOST_CHANGES, key="changes")]
    if before.versus:
        title = f"{before.version} on the same holdout and planted anomalies, at its evaluation"
        facts.append(Values(title, flat(before.versus), folded=True, key="against_predecessor"))
    return facts


def _representativeness(found: Coverage) -> dict[str, Any]:
    return {
        "instruments trained on": found.instruments,
        "instruments of the week": found.instruments_now,
        "of these trained on, share": found.known_share,
        "not trained on": list(found.unknown_now[:_MOST_NAMES]),
        "rows of the week": found.rows or None,
        "rows outside of the training's range, share": found.outside / found.rows if found.rows else None,
        "regimes of the week that the training has no hour of": found.unseen_regimes,
    }


def _hours_of(part: Frozen) -> list[dict[str, Any]]:
    hours = part.lineage.get(SOURCE, {}).get("hours")
    if hours is None:
        return [{"dataset": part.kind, "source": "not recorded", "hours": None, "rows": None}]
    return [
        {"dataset": part.kind, "source": name, "hours": each["hours"], "rows": each["rows"]}
        for name, each in hours.items()
    ]


def _gaps(part: Frozen) -> dict[str, Any]:
    lineage = part.lineage
    return {
        "dataset": part.kind,
        "hours without rows": lineage["hours_in_window"] - lineage["hours_with_rows"],
        "instruments left out": len(lineage["instruments_left_out"]),
        "such as": lineage["instruments_left_out"][:_MOST_NAMES],
    }
