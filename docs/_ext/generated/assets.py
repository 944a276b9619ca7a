"""The asset graph: a picture, and each asset, job, schedule and sensor, from the definitions."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from generated.markdown import cell, code, table
from mlreg_dagster.config import load_settings
from mlreg_dagster.definitions import build_definitions

_CONFIGS = Path(__file__).parents[3] / "configs"


@cache
def graph() -> Any:
    """The project's asset graph, with the configuration as it is shipped, on an empty home."""
    return repository().asset_graph


@cache
def repository() -> dg.RepositoryDefinition:
    """All definitions, loaded once."""
    with tempfile.TemporaryDirectory(prefix="mlreg-docs-") as home:
        return build_definitions(load_settings(_CONFIGS), Path(home)).get_repository_def()


def markdown() -> str:
    """Tables of assets with their checks, jobs, schedules and sensors."""
    assets = [
        (
            code(key.to_user_string()),
            cell(graph().get(key).group_name or ""),
            partitions_of(key),
            cell(_first_sentence(graph().get(key).description)),
        )
        for key in graph().toposorted_asset_keys
    ]
    checks = [
        (code(key.asset_key.to_user_string()), code(key.name), cell(graph().get(key).description or ""))
        for key in sorted(graph().asset_check_keys, key=lambda key: (key.asset_key, key.name))
    ]
    jobs = [
        (code(job.name), cell(job.description or ""))
        for job in sorted(repository().get_all_jobs(), key=lambda job: job.name)
        if not job.name.startswith("__")
    ]
    timed = [*repository().schedule_defs, *repository().sensor_defs]
    return "\n".join(
        [
            "## Assets\n",
            table(("asset", "group", "partitions", "holds"), assets),
            "## Checks\n",
            table(("asset", "check", "question"), checks),
            "## Jobs\n",
            table(("job", "does"), jobs),
            "## Schedules and sensors\n",
            table(("name", "does"), [(code(each.name), cell(each.description or "")) for each in timed]),
        ]
    )


def partitions_of(key: dg.AssetKey) -> str:
    """What one partition is."""
    definition = graph().get(key).partitions_def
    if definition is None:
        return "not partitioned"
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return "model version"
    return "hour" if isinstance(definition, dg.HourlyPartitionsDefinition) else "day"


def _first_sentence(text: str | None) -> str:
    return (text or "").split("\n\n")[0]
