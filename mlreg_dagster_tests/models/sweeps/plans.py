"""Plans of sweeps, for tests of what reads them."""

from mlreg_dagster.config import load_settings
from mlreg_dagster.models.sweeps.file import read_configurations
from mlreg_dagster.models.sweeps.plan import Plan, make_plan
from mlreg_dagster_tests.registry.builders import NOW, GateResult, Registry, evaluate, register

FILE = "configurations: [{name: few, params.n_estimators: 50}, {name: other, model: model_lof}]"


def a_plan(name="trees", text=FILE, first=4, day="2017-12-19", now=NOW) -> Plan:
    found = read_configurations(text, "trees.yaml", load_settings())
    return make_plan(name, day, now, found, [f"v{first + number}" for number in range(len(found))])


def train_planned(registry: Registry, plan: Plan, number: int, **changes) -> None:
    """A version as the sweep's training registers it."""
    planned = plan.configurations[number]
    manifest = {
        "features": ["a"],
        "settings": planned.settings,
        "cause": plan.cause(planned),
        **plan.origin(planned),
    }
    register(registry, planned.version, manifest=manifest, dataset_day=plan.dataset_day, **changes)


def judge(registry: Registry, plan: Plan, number: int, precision: float, verdict=None, *gates, **changes) -> None:
    """Its evaluation, with the comparison with the base where it has a verdict."""
    margin = GateResult(
        "injection_average_precision", True, precision - 0.4, "at least 0", "planted", {"low": 0.01, "high": 0.2}
    )
    versus = {
        "verdict": verdict, "difference": precision - 0.6, "low": precision - 0.7, "high": precision - 0.5,
        "reason": "as measured",
    }  # fmt: skip
    metrics = {"average_precision": precision, "baseline_average_precision": 0.4, "anomaly_rate": 0.08}
    evaluate(
        registry,
        plan.configurations[number].version,
        margin,
        *gates,
        metrics=metrics | ({"versus_base": versus} if verdict else {}),
        **changes,
    )
