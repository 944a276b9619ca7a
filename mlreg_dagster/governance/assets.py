"""The champion, the evidence bundle of each version, and the report on all checks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.card.parts import GATES, Card
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, OWNERS, audit_head, fresh_within, table_view
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, version_of
from mlreg_dagster.orchestration.resources import (
    ArtifactsResource,
    Clock,
    RegistryResource,
    WarehouseResource,
)
from mlreg_dagster.orchestration.retries import retried

GROUP = "models"
_NO_PARTITION = dg.SpecificPartitionsPartitionMapping([])
"""Lineage alone: the champion is not out of date because another version was judged."""


class BundleConfig(dg.Config):
    """What goes into a bundle."""

    verify: bool = Field(default=False, description="Train the version again and compare all scores.")


class ReportConfig(dg.Config):
    """Which results to report."""

    first: str | None = Field(default=None, description="First day (2017-12-20), UTC; null = the first result.")
    last: str | None = Field(default=None, description="Last day, UTC, included; null = the newest result.")
    rows: int = Field(default=200, description="How many of the newest are shown.", ge=1, le=5000)


def build_governance_assets(
    settings: Settings, home: Path, definitions: Callable[[], dg.Definitions]
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The champion, which is one; a bundle for each version; a report on all checks.

    Args:
        settings: The configuration.
        home: Where bundles are written.
        definitions: The graph as a whole, once it is made: cards and report tell of all of it.
    """
    return [_champion_model(settings), _delivery_bundle(settings, home, definitions), _governance_report(definitions)]


def _champion_model(settings: Settings) -> dg.AssetSpec:
    """Written by the job `promote`, not by materializing it: a refused promotion must leave its state alone."""
    return dg.AssetSpec(
        "champion_model",
        group_name=GROUP,
        owners=OWNERS,
        kinds={"sqlite"},
        deps=[dg.AssetDep("evaluated_model", partition_mapping=_NO_PARTITION)],
        freshness_policy=fresh_within(24 * settings.retraining.champion_max_age_days),
        metadata=_use_case_metadata(settings),
        description="Which version each alias points to, from when, and who requested it. The job `promote` writes it, "
        "after the gates and approvals of that very version were read again from the registry, by the policy in force.",
    )


def _use_case_metadata(settings: Settings) -> dict[str, Any]:
    """What the model is for, and what its risk tier asks for before a version takes an alias."""
    use_case = settings.use_case
    tier = settings.promotion.of(use_case.risk_tier)
    return {
        "use_case": use_case.name,
        "use_case_sha256": use_case.sha256,
        "objective": use_case.objective,
        "owner": use_case.owner,
        "contacts": ", ".join(use_case.contacts),
        "risk_tier": use_case.risk_tier,
        "approvals": tier.approvals,
        "strict_gates": ", ".join(tier.gates) or "none",
    }


def _delivery_bundle(settings: Settings, home: Path, definitions: Callable[[], dg.Definitions]) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        owners=OWNERS,
        kinds={"html"},
        deps=["evaluated_model", "champion_model"],
        check_specs=[
            dg.AssetCheckSpec(
                gate,
                asset="delivery_bundle",
                description=f"{title}: nothing is missing.",
                partitions_def=MODEL_VERSIONS,
            )
            for gate, title in GATES.items()
        ],
        description="All evidence on one version, as HTML, Markdown and JSON; each of its ten sections is a check. "
        "Make it anew when outcomes have matured or an alias has moved.",
    )
    @retried
    def delivery_bundle(
        context: dg.AssetExecutionContext,
        config: BundleConfig,
        artifacts: ArtifactsResource,
        registry: RegistryResource,
        warehouse: WarehouseResource,
        clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.governance import bundles
        from mlreg_dagster.governance.card.known import Watch, gather
        from mlreg_dagster.governance.card.making import make_card
        from mlreg_dagster.orchestration import graph
        from mlreg_dagster.orchestration.witnesses import witnessed_heads

        records, whole = registry.open(), definitions()
        known = gather(
            records.version(version_of(context)),
            records,
            artifacts.open(),
            warehouse.open(),
            settings,
            now=clock.now(),
            tampering=records.find_tampering(witnessed_heads(context.instance)),
            watch=Watch(graph.checks(whole, context.instance), graph.freshness(whole), graph.automation(whole)),
            verify=config.verify,
        )
        card = make_card(known)
        folder = home / "bundles" / card.version
        files = bundles.write(folder, card)
        return dg.MaterializeResult(
            metadata={
                "version": card.version,
                "headline": card.headline,
                "card": dg.MetadataValue.path(folder / bundles.HTML),
                "answers": table_view([{"question": name, "answer": said} for name, said in card.answers.items()]),
                "missing": table_view(
                    [{"gate": gate, "what": what} for gate, all_ in card.missing.items() for what in all_]
                ),
                "files": table_view([{"file": name, "sha256": digest} for name, digest in files.items()]),
                "trained_again": config.verify,
                AUDIT_HEAD: audit_head(records),
            },
            check_results=_section_results(card),
        )

    return delivery_bundle


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


def _governance_report(definitions: Callable[[], dg.Definitions]) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds={"dagster"},
        deps=["delivery_bundle"],
        description="The results of all checks of all assets over a period, by version and partition. `mlreg report` "
        "writes the same as HTML and CSV.",
    )
    def governance_report(context: dg.AssetExecutionContext, config: ReportConfig) -> dg.MaterializeResult:
        from mlreg_dagster.governance.checks import all_results
        from mlreg_dagster.governance.report_checks import counts

        rows = all_results(definitions(), context.instance, config.first, config.last)
        return dg.MaterializeResult(
            metadata={
                "results": len(rows),
                "failed": sum(not row["passed"] for row in rows),
                "by_check": table_view(counts(rows)),
                "newest": table_view(
                    [row | {"passed": "yes" if row["passed"] else "NO"} for row in rows[: config.rows]]
                ),
            }
        )

    return governance_report
