"""Who had which share of the traffic of an alias when, as the timeline draws it."""

from collections.abc import Sequence
from datetime import datetime

from mlreg_dagster.governance.plots import Span
from mlreg_dagster.governance.standing import standing_in
from mlreg_dagster.registry import AliasEvent, TrafficEvent
from mlreg_dagster.registry.records.traffic import WHOLE


def spans_until(
    as_of: datetime, alias: str, moves: Sequence[AliasEvent], changes: Sequence[TrafficEvent]
) -> tuple[Span, ...]:
    """Each time in which the share of a version stayed the same, until a time; times without traffic are left out."""
    begins = {each.effective_at for each in moves} | {each.effective_at for each in changes}
    times = sorted(time for time in begins if time <= as_of)
    open_spans: dict[str, tuple[datetime, int]] = {}
    found: list[Span] = []
    for time in times:
        weights = standing_in(alias, time, moves, changes, ()).weights
        for version, (begin, weight) in list(open_spans.items()):
            if weights.get(version, 0) != weight:
                found.append((version, begin, time, weight / WHOLE))
                del open_spans[version]
        for version, weight in weights.items():
            if weight and version not in open_spans:
                open_spans[version] = (time, weight)
    found += [(version, begin, as_of, weight / WHOLE) for version, (begin, weight) in open_spans.items()]
    return tuple(sorted(found, key=lambda span: span[1]))
