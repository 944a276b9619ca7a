"""The weekly report as one HTML file, with its pictures inside; it needs neither network nor JavaScript."""

from collections.abc import Sequence
from datetime import datetime

from mlreg_dagster.evidence import templating
from mlreg_dagster.evidence.weekly.sections import Section
from mlreg_dagster.evidence.weekly.week import Week


def render(week: Week, sections: Sequence[Section], now: datetime) -> str:
    """The page.

    Args:
        week: Which week it is about.
        sections: What it says, in this order.
        now: When it is made.
    """
    return templating.render(
        "weekly.html.jinja",
        title=f"Week {week.name}, {week.first:%Y-%m-%d} to {week.days[-1]:%Y-%m-%d}",
        made=now,
        is_over=now >= week.end,
        sections=sections,
    )
