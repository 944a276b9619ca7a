"""A project's own code location: the lifecycle of mlreg_dagster, and an asset of its own beside it.

    MLREG_CONFIG_DIR=examples/project/configs PYTHONPATH=examples dagster dev -f examples/project/defs.py

The modules that configs/extensions.yaml names are imported when this file loads.
"""

import dagster as dg

from mlreg_dagster import build_definitions
from mlreg_dagster.orchestration.resources import RegistryResource
from mlreg_dagster.storage.private_files import keep_private


@dg.asset(deps=["champion_model"], group_name="shop", description="What the shop shows of the model in production.")
def champion_note(mlreg_registry: RegistryResource, registry: dg.ResourceParam[str]) -> dg.MaterializeResult:
    """The resources of mlreg_dagster carry the prefix `mlreg_`, so `registry` is the project's own."""
    holder = mlreg_registry.open().holder("champion")
    version = holder.version if holder else "none"
    return dg.MaterializeResult(metadata={"champion": version, "published_to": registry})


own = dg.Definitions(assets=[champion_note], resources={"registry": "a registry of the shop"})


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` loads."""
    keep_private()  # what these processes write is for their user alone
    return dg.Definitions.merge(build_definitions(), own)
