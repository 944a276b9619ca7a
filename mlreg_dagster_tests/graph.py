"""The graph as text, so that a review sees its changes. To write it again: python -m mlreg_dagster_tests.graph"""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from mlreg_dagster.config import load_settings
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster_tests.repository import PROJECT_DIR

SNAPSHOT = Path(__file__).with_suffix(".json")


def project_definitions() -> dg.Definitions:
    """The graph of the project's own configs."""
    return build_definitions(load_settings(PROJECT_DIR / "configs"), home=Path("home"))


def describe_graph(definitions: dg.Definitions) -> dict[str, Any]:
    """Everything that others may rely on: names, partitions, what depends on what, checks, jobs."""
    graph = definitions.resolve_asset_graph()
    assets = {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "kinds": ", ".join(sorted(spec.kinds)),
            "owners": ", ".join(spec.owners),
            "partitions": _partitions(spec.partitions_def),
            "backfill": str(graph.get(spec.key).backfill_policy),
            "deps": {dep.asset_key.to_user_string(): _mapping(dep.partition_mapping) for dep in spec.deps},
            "checks": {
                key.name: _partitions(graph.get_check_spec(key).partitions_def)
                for key in graph.get_check_keys_for_assets({spec.key})
            },
        }
        for spec in definitions.resolve_all_asset_specs()
    }
    jobs = {
        job.name: {
            "partitions": _partitions(job.partitions_def),
            "assets": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
            "checks": sorted(key.to_user_string() for key in job.asset_layer.asset_graph.asset_check_keys),
        }
        for job in definitions.resolve_all_job_defs()
        if not job.name.startswith("__")
    }
    repository = definitions.get_repository_def()
    schedules = {each.name: f"{each.cron_schedule} starts {each.job_name}" for each in repository.schedule_defs}
    sensors = {each.name: ", ".join(target.job_name for target in each.targets) for each in repository.sensor_defs}
    return {"assets": assets, "jobs": jobs, "schedules": schedules, "sensors": sensors}


def _partitions(partitions: dg.PartitionsDefinition | None) -> str:
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        return f"dynamic: {partitions.name}"
    return str(partitions)


def _mapping(mapping: dg.PartitionMapping | None) -> str:
    if isinstance(mapping, dg.TimeWindowPartitionMapping):
        return f"{mapping.start_offset} to {mapping.end_offset}, absent ones allowed: " + str(
            mapping.allow_nonexistent_upstream_partitions
        )
    return "default" if mapping is None else type(mapping).__name__  # some mappings are falsy


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(describe_graph(project_definitions()), indent=1, sort_keys=True) + "\n")
