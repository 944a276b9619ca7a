"""The weekly report as an asset."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.evidence.weekly.week import as_week, last_whole_week
from mlreg_dagster.orchestration.metadata import OWNERS, table_view
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried


class WeekConfig(dg.Config):
    """Which week to report."""

    week: str | None = Field(default=None, description="As ISO 8601 writes it (2026-W03); null = the last whole week.")


def build_weekly_report(settings: Settings, home: Path, group: str) -> dg.AssetsDefinition:
    """The asset.

    Args:
        settings: The configuration.
        home: Where the file is written.
        group: Of the asset.
    """

    @dg.asset(
        group_name=group,
        owners=OWNERS,
        kinds={"html"},
        deps=["model_worth", "champion_model"],
        description="What happened in a week: versions, worth, what was flagged, drift, decisions, alerts and "
        "objectives, as one HTML file. `mlreg weekly` writes the same.",
    )
    @retried
    def weekly_report(
        config: WeekConfig, mlreg_registry: RegistryResource, mlreg_warehouse: WarehouseResource, mlreg_clock: Clock
    ) -> dg.MaterializeResult:
        from mlreg_dagster.evidence.weekly.report import keep, make_report

        now = mlreg_clock.now()
        week = as_week(config.week) if config.week else last_whole_week(now)
        report = make_report(week, mlreg_registry.open(), mlreg_warehouse.open(), settings, now)
        rows: list[dict[str, Any]] = [
            {"part": each.title, "state": each.state, "in a sentence": each.text} for each in report.sections
        ]
        return dg.MaterializeResult(
            metadata={
                "week": week.name,
                "file": dg.MetadataValue.path(keep(report, home)),
                "needs_attention": len(report.needs_attention),
                "parts": table_view(rows),
            }
        )

    return weekly_report
