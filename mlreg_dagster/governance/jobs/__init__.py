"""Jobs in which people decide: on a version, on the policy, on who holds an alias; and what publishes that they did."""

from pathlib import Path

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.jobs.decisions import build_decision_jobs
from mlreg_dagster.governance.jobs.policy import build_policy_jobs
from mlreg_dagster.governance.jobs.promote import build_promote_job
from mlreg_dagster.governance.jobs.publish import build_publish_job
from mlreg_dagster.governance.jobs.rollout import build_rollout_job
from mlreg_dagster.governance.jobs.suspension import build_suspension_jobs


def build_governance_jobs(settings: Settings, home: Path) -> list[dg.JobDefinition]:
    """All of them.

    Args:
        settings: By which they decide.
        home: Where servers count what they answer during a rollout.
    """
    return [
        build_promote_job(settings),
        build_rollout_job(settings, home),
        *build_suspension_jobs(settings),
        *build_decision_jobs(settings),
        *build_policy_jobs(settings),
        build_publish_job(settings),
    ]
