"""Makes the weekly report of a home: collects its sections, renders them, and keeps the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.evidence.weekly import drift, page, sections, watch
from mlreg_dagster.evidence.weekly.week import Week
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

FOLDER = "reports"
"""Of the home, where the graph keeps them."""


@dataclass(frozen=True)
class WeeklyReport:
    """The report on one week.

    Attributes:
        week: Which one.
        sections: What it says.
        html: The page.
    """

    week: Week
    sections: Sequence[sections.Section]
    html: str

    @property
    def needs_attention(self) -> list[str]:
        """The titles of the sections in which something is wrong."""
        return [each.title for each in self.sections if each.is_good is False]


def make_report(
    week: Week, registry: Registry, tables: Warehouse, settings: Settings, now: pd.Timestamp
) -> WeeklyReport:
    """Read everything that the report says, and render it.

    Args:
        week: Which week.
        registry: Where versions, moves and alerts are.
        tables: Where predictions, outcomes and drift are.
        settings: Limits, and what verdicts need.
        now: The current time.
    """
    alerts = watch.open_in(registry.alert_events(), week)
    found = [
        sections.versions(registry, week),
        sections.worth(tables, week, settings),
        sections.flags(tables, week, settings),
        drift.data_quality(tables, week),
        drift.features(tables, week),
        drift.predictions(tables, week),
        drift.concept(tables, week),
        watch.decisions(tables, week),
        watch.alerts(alerts),
        watch.objectives(alerts),
        watch.incidents(registry.incidents(), week),
    ]
    return WeeklyReport(week, found, page.render(week, found, now.to_pydatetime()))


def keep(report: WeeklyReport, home: Path) -> Path:
    """Write it into the home; one of the same week is replaced.

    Raises:
        StorageFull, StorageNotWritable: What was there before is there still.
    """
    path = home / FOLDER / f"{report.week.name}.html"
    with explained(path):
        private_files.make_folder(path.parent)
        private_files.write(path, report.html.encode())
    return path
