"""The code location of the hosts: the project's own, without what asks for runs by itself."""

import dagster as dg

from mlreg_dagster.config import load_settings
from mlreg_dagster.definitions import build_definitions


def _quiet() -> dg.Definitions:
    whole = build_definitions(load_settings())
    parts = {"assets": whole.assets, "asset_checks": whole.asset_checks, "jobs": whole.jobs}
    return dg.Definitions(**parts, resources=whole.resources, executor=whole.executor)


defs = _quiet()
