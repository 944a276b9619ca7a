"""The champion as an asset. The job that moves it is `governance.jobs.promote`; evidence on it is `evidence.assets`."""

from typing import Any

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.orchestration.metadata import OWNERS, fresh_within

GROUP = "governance"
_NO_PARTITION = dg.SpecificPartitionsPartitionMapping([])
"""Lineage alone: the champion is not out of date because another version was judged."""


def build_governance_assets(settings: Settings) -> list[dg.AssetSpec]:
    """The champion, which is one."""
    return [_champion_model(settings)]


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
