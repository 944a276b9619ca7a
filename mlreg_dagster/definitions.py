"""Builds the Dagster definitions: settings, resources, assets, checks, jobs, automation. No logic belongs here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from mlreg_dagster.automation import build_schedules, build_sensors
from mlreg_dagster.config import ConfigError, Settings, home_dir, load_settings
from mlreg_dagster.config.places import (
    REGISTRY,
    TABLES,
    artifacts_root,
    is_branch,
    is_registry_elsewhere,
    latest_root,
    raw_roots,
    registry_url,
    tables_url,
    warehouse_file,
)
from mlreg_dagster.core.untrusted.redaction import password_in
from mlreg_dagster.datasets.assets import build_dataset_assets
from mlreg_dagster.datasets.checks import build_dataset_checks
from mlreg_dagster.evidence.assets import build_evidence_assets
from mlreg_dagster.extensions import load_extensions
from mlreg_dagster.governance.assets import build_governance_assets
from mlreg_dagster.governance.checks import build_governance_checks
from mlreg_dagster.governance.policy.in_force import rules_of
from mlreg_dagster.jobs import build_jobs
from mlreg_dagster.market.assets import build_market_assets
from mlreg_dagster.market.checks import build_market_checks
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.assets import GROUP as MODELS
from mlreg_dagster.models.assets import build_model_assets
from mlreg_dagster.models.tuning.assets import build_tuning_asset
from mlreg_dagster.monitoring.assets import build_monitoring_assets
from mlreg_dagster.monitoring.checks import build_monitoring_checks
from mlreg_dagster.orchestration.graph_description import describe_graph
from mlreg_dagster.orchestration.metadata import without_alarms
from mlreg_dagster.orchestration.page_links import with_page_links
from mlreg_dagster.orchestration.partitions import make_partitions
from mlreg_dagster.orchestration.resources import (
    PREFIX,
    ArtifactsResource,
    Clock,
    Fixed,
    RegistryResource,
    WarehouseResource,
)
from mlreg_dagster.outcomes.assets import build_outcome_assets
from mlreg_dagster.outcomes.checks import build_outcome_checks
from mlreg_dagster.serving.assets import build_serving_assets
from mlreg_dagster.serving.checks import build_serving_checks
from mlreg_dagster.storage.homes import require_own_dagster
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.private_files import keep_private


def build_definitions(
    settings: Settings | None = None,
    home: Path | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """The whole graph.

    Args:
        settings: None = the configuration files; see `load_settings`.
        home: Where data lives; None = MLREG_HOME.
        resources: Replacements for tests and replays, by name without the prefix: source, warehouse, artifacts,
            registry, clock.

    Raises:
        ConfigError: The registry's URL has a password in plain text, MLREG_REGISTRY, MLREG_ARTIFACTS or
            MLREG_LATEST names no place that can be meant, DAGSTER_HOME is that of another home where one of the two is
            a branch, or the settings name what nothing registers.
        PluginError: A plug-in can't be loaded, or registers what it may not.
    """
    settings = settings or load_settings()
    load_extensions(settings.extensions.modules)
    if home is None:
        home = home_dir()
        require_own_dagster(home)
    if is_branch(home):
        settings = settings.of_branch()
    closed = _resources(settings, home, resources or {})
    _require_hidden_password(closed[PREFIX + "registry"].value)
    jobs = build_jobs(settings, home)
    partitions = make_partitions(
        settings.ingest.first_hour,
        settings.ingest.last_hour,
        hours_per_run=settings.automation.hours_per_run,
        days_per_run=settings.automation.days_per_run,
    )
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
        *build_market_assets(settings, partitions),
        *build_dataset_assets(settings, partitions),
        *build_model_assets(settings),
        build_tuning_asset(settings, home, MODELS),
        *build_outcome_assets(settings, partitions),
        *build_serving_assets(settings, partitions, home),
        *build_monitoring_assets(settings, partitions),
        *build_governance_assets(settings),
    ]
    if settings.ingest.has_ended(closed[PREFIX + "clock"].value.now()):
        assets = without_alarms(assets)
    checks = [
        *build_market_checks(settings),
        *build_dataset_checks(),
        *build_outcome_checks(settings),
        *build_serving_checks(settings, home),
        *build_monitoring_checks(settings),
        *build_governance_checks(),
    ]
    schedules, sensors = build_schedules(settings), build_sensors(settings, {job.name: job for job in jobs}, home)
    graph = describe_graph(assets, checks, schedules, sensors)
    assets = [*assets, *build_evidence_assets(settings, home, graph)]
    return dg.Definitions(
        assets=with_page_links(assets, settings.pages.url, home.name if is_branch(home) else None),
        asset_checks=checks,
        jobs=jobs,
        schedules=schedules,
        sensors=sensors,
        resources=closed,
        executor=dg.in_process_executor,  # the jobs are small: a process for each step would cost more than its work
    )


def _resources(settings: Settings, home: Path, replacements: Mapping[str, Any]) -> dict[str, Fixed]:
    """Every resource, closed to run config; a registry or artifacts that can't be meant are refused at once."""
    named = registry_url(home)
    own: dict[str, Any] = {
        "source": make_source(settings.ingest, LandingZone(*raw_roots(home))),
        "warehouse": WarehouseResource(
            database=str(warehouse_file(home)),
            lake=None if tables_url(home) is None else dg.EnvVar(TABLES),
            latest=latest_root(home),
        ),
        "artifacts": ArtifactsResource(root=artifacts_root(home)),
        "registry": RegistryResource(
            # of a variable Dagster keeps and shows the name alone, never the password in it
            url=dg.EnvVar(REGISTRY) if is_registry_elsewhere(home) else named,
            first_policy=rules_of(settings).content,
        ),
        "clock": Clock(),
    }
    for name in {"artifacts", "registry", "warehouse"} - set(replacements):
        own[name].open()
    own["warehouse"].mirror()
    return {PREFIX + name: Fixed(value) for name, value in (own | dict(replacements)).items()}


def _require_hidden_password(registry: object) -> None:
    """Dagster keeps the configuration of resources and shows it; only that of an environment variable it does not."""
    url = getattr(registry, "url", "")
    if not isinstance(url, dg.EnvVar) and password_in(str(url)):
        raise ConfigError(
            "The URL of the registry resource has a password in it, which Dagster would keep and show. Pass it as "
            'RegistryResource(url=dg.EnvVar("MLREG_REGISTRY")) and set that variable, or use a password file.'
        )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and the dagster CLI load; the processes that do keep what they make to their user."""
    keep_private()
    return build_definitions()
