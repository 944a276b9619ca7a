"""The champion, the evidence bundle of each version, and the report on all checks.

Materializing the champion is a promotion.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.card.parts import GATES, Card
from mlreg_dagster.hours import as_hour
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, OWNERS, audit_head, fresh_within, table_view
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, version_of
from mlreg_dagster.orchestration.resources import (
    ArtifactsResource,
    Clock,
    RegistryResource,
    WarehouseResource,
    current_actor,
)
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.registry import AliasEvent

GROUP = "models"
_NO_PARTITION = dg.SpecificPartitionsPartitionMapping([])
"""Lineage alone: the champion is not out of date because another version was judged."""


class PromoteConfig(dg.Config):
    """Which version is to hold which alias, and why. There is no default for either."""

    version: str = Field(description="Required. v7, latest, latest-1, or an alias. Its gates must have passed.")
    reason: str = Field(description="Required. Why this version; kept for ever. A placeholder such as TODO is refused.")
    alias: str = Field(default=CHAMPION, description="champion, challenger, or any other name.")
    actor: str | None = Field(default=None, description="Requested by; null = MLREG_ACTOR or the system's user.")
    effective_at: str | None = Field(
        default=None,
        description="From when it counts (2017-12-20T00:00, UTC); null = now. The past is for replays alone.",
    )
    expected: str | None = Field(
        default=None,
        description="The holder you saw (a version, or nobody): the run fails if another one holds it by then. "
        "null = the holder when this runs.",
    )


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
) -> list[dg.AssetsDefinition]:
    """The champion, which is one; a bundle for each version; a report on all checks.

    Args:
        settings: The configuration.
        home: Where bundles are written.
        definitions: The graph as a whole, once it is made: cards and report tell of all of it.
    """
    return [_champion_model(settings), _delivery_bundle(settings, home, definitions), _governance_report(definitions)]


def _champion_model(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds={"sqlite"},
        deps=[dg.AssetDep("evaluated_model", partition_mapping=_NO_PARTITION)],
        freshness_policy=fresh_within(24 * settings.retraining.champion_max_age_days),
        metadata=_use_case_metadata(settings),
        description="Which version each alias points to, from when, requested by whom. Materializing it is a "
        "promotion: it needs a version and a reason in the launchpad's config. The gates and approvals of that very "
        "version are read again from the registry, and the policy decides.",
    )
    @retried
    def champion_model(
        context: dg.AssetExecutionContext,
        config: PromoteConfig,
        artifacts: ArtifactsResource,
        registry: RegistryResource,
        warehouse: WarehouseResource,
        clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.governance.evidence import governance_by
        from mlreg_dagster.governance.pictures import alias_timeline
        from mlreg_dagster.governance.promotion import promote
        from mlreg_dagster.governance.request import promotion_tags, require_reason

        require_reason(config.reason)
        records, actor = registry.open(), current_actor(config.actor)
        asked_for = records.resolve(config.version).version
        context.instance.add_run_tags(context.run.run_id, promotion_tags(asked_for, config.alias, actor))
        event = promote(
            records,
            artifacts.open(),
            version=config.version,
            alias=config.alias,
            reason=config.reason,
            actor=actor,
            effective_at=None if config.effective_at is None else as_hour(config.effective_at),
            expected=config.expected,
            now=clock.now(),
            run_id=context.run.run_id,
            governance=governance_by(settings, warehouse.open()),
        )
        context.log.info(f"{event.alias} is now {event.version} (before: {event.previous_version or 'nobody'}).")
        aliases = records.aliases()
        champion = aliases.get(CHAMPION)
        return dg.MaterializeResult(
            metadata={
                "champion": champion.version if champion else "nobody",
                "moved": f"{event.alias}: {event.previous_version or 'nobody'} → {event.version}",
                "reason": event.reason,
                "actor": event.actor,
                "effective_at": f"{event.effective_at:%Y-%m-%d %H:%M} UTC",
                "artifact_sha256": event.artifact_sha256,
                "risk_tier": event.evidence["risk_tier"],
                "approved_by": ", ".join(event.evidence["facts"]["approved_by"]) or "nobody was asked",
                "lifted": ", ".join(event.evidence["verdict"]["lifted"]) or "nothing",
                AUDIT_HEAD: audit_head(records),
                "aliases": table_view([_alias_row(move) for move in aliases.values()]),
                "history": dg.MetadataValue.md(alias_timeline(records.history(config.alias), clock.now())),
            },
            data_version=dg.DataVersion(champion.artifact_sha256 if champion else "nobody"),
        )

    return champion_model


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


def _alias_row(event: AliasEvent) -> dict[str, Any]:
    return {
        "alias": event.alias,
        "version": event.version,
        "since": event.effective_at,
        "by": event.actor,
        "reason": event.reason,
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
            passed=not section.missing,
            description=" ".join(section.missing) or "Nothing is missing.",
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
