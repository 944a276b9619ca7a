"""The code location of the hosts: the project's own, without what asks for runs by itself."""

import dagster as dg

from mlreg_dagster.config import load_settings
from mlreg_dagster.definitions import build_definitions

_all = build_definitions(load_settings())
defs = dg.Definitions(
    assets=_all.assets,
    asset_checks=_all.asset_checks,
    jobs=_all.jobs,
    resources=_all.resources,
    executor=_all.executor,
)
