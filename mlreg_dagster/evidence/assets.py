"""The evidence bundle of each version, and the report on the results of all checks."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.evidence import check_report
from mlreg_dagster.evidence.card.elements import GATES, Card
from mlreg_dagster.evidence.check_report import Period, Report
from mlreg_dagster.evidence.schemas.by import By
from mlreg_dagster.evidence.weekly.assets import build_weekly_report
from mlreg_dagster.models import gates
from mlreg_dagster.orchestration.graph_description import GraphDescription
from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads
from mlreg_dagster.orchestration.instance.check_log import check_results
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, OWNERS, audit_head, table_view
from mlreg_dagster.orchestration.page_links import page_link
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, version_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried

GROUP = "evidence"


class BundleConfig(dg.Config):
    """What goes into a bundle."""

    verify: bool = Field(default=False, description="Train the version again and compare all scores.")


class ReportConfig(dg.Config):
    """Which results to report."""

    by: By = Field(default=By.recording, description="What the days are of: market, or recording of the result.")
    first: str | None = Field(default=None, description="First day (2017-12-20), UTC; null = the first result.")
    last: str | None = Field(default=None, description="Last day, UTC, included; null = the newest result.")
    rows: int = Field(default=200, description="How many of the newest are shown.", ge=1, le=5000)


def build_evidence_assets(settings: Settings, home: Path, graph: GraphDescription) -> list[dg.AssetsDefinition]:
    """A bundle for each version, a report on all checks, and one on a week.

    Args:
        settings: The configuration.
        home: Where bundles and weekly reports are written.
        graph: The rest of the graph: cards and report show its checks, freshness and automation.
    """
    whole = graph.with_checks(_section_specs())
    return [
        _delivery_bundle(settings, home, whole),
        _governance_report(whole),
        build_weekly_report(settings, home, GROUP),
    ]


def check_report_of(
    keys: Collection[dg.AssetCheckKey], instance: dg.DagsterInstance, period: Period, now: datetime
) -> Report:
    """Every result of every check in a period.

    Args:
        keys: The checks of the graph; the gates that an earlier policy may have asked for are added.
        instance: The Dagster instance whose event log holds the results.
        period: Which results.
        now: The current time.

    Raises:
        NotAnHour: An end of the period is no day.
    """
    every = {dg.AssetCheckKey(dg.AssetKey("evaluated_model"), gate) for gate in gates.CATALOGUE.names}
    found = _recorded(instance, every.union(keys), period if period.by is By.recording else Period())
    rows = [row for row in found if period.holds(row)]
    left_out = sum(row["market_first"] is None for row in found) if period.by is By.market else 0
    otherwise = 0
    if not rows:
        everything = found if period.by is By.market else _recorded(instance, every.union(keys), Period())
        otherwise = sum(map(period.other().holds, everything))
    return Report(period, now, rows, left_out, otherwise)


def _recorded(instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey], period: Period) -> list[dict[str, Any]]:
    begin = period.begin or pd.Timestamp(0, tz="UTC")
    end = period.until or pd.Timestamp.max.tz_localize("UTC")
    return check_report.arrange(check_results(instance, keys, begin, end))


def _delivery_bundle(settings: Settings, home: Path, graph: GraphDescription) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        owners=OWNERS,
        kinds={"html"},
        deps=["evaluated_model", "champion_model"],
        check_specs=_section_specs(),
        description="All evidence on one version, as HTML, Markdown and JSON; each of its ten sections is a check. "
        "Make it again when outcomes have matured or an alias has moved.",
    )
    @retried
    def delivery_bundle(
        context: dg.AssetExecutionContext,
        config: BundleConfig,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.evidence import bundles
        from mlreg_dagster.evidence.card.build import make_card
        from mlreg_dagster.evidence.card.collect import collect
        from mlreg_dagster.evidence.card.context import Watch

        records = mlreg_registry.open()
        collected = collect(
            records.version(version_of(context)),
            records,
            mlreg_artifacts.open(),
            mlreg_warehouse.open(),
            settings,
            now=mlreg_clock.now(),
            tampering=records.find_tampering(witnessed_heads(context.instance)),
            watch=Watch(graph.check_states(context.instance), graph.freshness, graph.automation),
            verify=config.verify,
        )
        card = make_card(collected)
        folder = home / "bundles" / card.version
        files = bundles.write(folder, card, collected.more.bill)
        return dg.MaterializeResult(
            metadata={
                "version": card.version,
                **page_link(context, card.version),
                "headline": card.headline,
                "card": dg.MetadataValue.path(folder / bundles.HTML),
                "answers": table_view([{"question": name, "answer": answer} for name, answer in card.answers.items()]),
                "missing": table_view(
                    [{"gate": gate, "what": text} for gate, texts in card.missing.items() for text in texts]
                ),
                "files": table_view([{"file": name, "sha256": digest} for name, digest in files.items()]),
                "trained_again": config.verify,
                AUDIT_HEAD: audit_head(records),
            },
            check_results=_section_results(card),
        )

    return delivery_bundle


def _section_specs() -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            gate,
            asset="delivery_bundle",
            description=f"{title}: nothing is missing.",
            partitions_def=MODEL_VERSIONS,
        )
        for gate, title in GATES.items()
    ]


def _section_results(card: Card) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            check_name=section.gate,
            passed=section.state == "complete",
            severity=dg.AssetCheckSeverity.ERROR if section.missing else dg.AssetCheckSeverity.WARN,
            description=" ".join((*section.missing, *section.against, *section.unknown)) or "Nothing is missing.",
            metadata={"version": card.version},
        )
        for section in card.sections
    ]


def _governance_report(graph: GraphDescription) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds={"dagster"},
        deps=["delivery_bundle"],
        description="The results of all checks of all assets over a period, by version and partition. `mlreg report` "
        "writes the same as HTML and CSV.",
    )
    def governance_report(
        context: dg.AssetExecutionContext, config: ReportConfig, mlreg_clock: Clock
    ) -> dg.MaterializeResult:
        period = Period(config.by, config.first, config.last)
        report = check_report_of(graph.check_keys, context.instance, period, mlreg_clock.now())
        rows = [
            {**row, "values": check_report.in_words(row["values"]), "passed": "yes" if row["passed"] else "NO"}
            for row in report.rows[: config.rows]
        ]
        return dg.MaterializeResult(
            metadata={
                "period": report.period.words,
                "remarks": " ".join(report.remarks) or "none",
                "results": len(report.rows),
                "failed": report.failed,
                "by_check": table_view(check_report.counts(report.rows)),
                "newest": table_view(rows),
            }
        )

    return governance_report
