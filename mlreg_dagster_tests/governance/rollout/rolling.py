"""A registry with a champion and two candidates, and looks at it whose facts a test names."""

import pandas as pd

from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.looking import Look, rows_of_open_rollout
from mlreg_dagster.governance.rollout.opening import RolloutRequest
from mlreg_dagster.governance.rollout.permission import unpaired
from mlreg_dagster.governance.rollout.states import STEPS
from mlreg_dagster.governance.rollout.table import Facts, judge
from mlreg_dagster.models.registration import register
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.permit import permit_passed
from mlreg_dagster.registry.records.traffic import is_paused
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.governance.promotion.builders import BY_ANN, NOW, evaluate, governed
from mlreg_dagster_tests.models.builders import with_manifest

MINUTE = pd.Timedelta(minutes=1)
AUTOMATION = Attribution("automation", NOW, "the sensor looked")
PATH = ("staging", *STEPS, "full", "closed")


def ready(url, root, model):
    """v1 is the champion; v2 and v3 have passed their gates."""
    registry, store = Registry(url), open_artifacts(str(root))
    for version in ("v1", "v2", "v3"):
        register(with_manifest(model, version=version), store, registry, BY_ANN)
        evaluate(registry, version)
    registry.move_alias("champion", "v1", Attribution("bob", NOW, "the first"), expected=None, permit=permit_passed)
    return registry, store


def started(registry, store, version="v2", *, governance=None, actor="bob", now=NOW, run=None, **changes):
    request = RolloutRequest(version, changes.pop("reason", "it finds more"), actor, **changes)
    return control.start(registry, store, governance or governed(), request, now=now, run_id=run)


def look_at(registry, governance=None, *, figures=None, **changes):
    """A look in which nothing speaks against going on, but for what is named."""
    rows = rows_of_open_rollout(registry)
    fine = {"dwelled": True, "enough_requests": True, "enough_pairs": True, "approved": True}
    facts = Facts(**{"state": rows[-1].state, "steps": STEPS} | fine | changes)
    behind = unpaired(registry, governance or governed(), rows, NOW)
    return Look(rows[-1], facts, judge(facts), figures or {"looked": 1}, is_paused(rows), rows[-1].effective_at, behind)


def stepped(registry, store, *, governance=None, by=AUTOMATION, **changes):
    governance = governance or governed()
    return control.step(registry, store, governance, look_at(registry, governance, **changes), by)


def brought_to(registry, store, state, *, governance=None):
    """A rollout of v2, in a state."""
    started(registry, store, governance=governance)
    while registry.traffic("champion").state != state:
        stepped(registry, store, governance=governance)
    return registry.traffic("champion")


def holders(registry):
    return {alias: event.version for alias, event in registry.aliases().items()}
