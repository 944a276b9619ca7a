"""Rules and evaluations as the tests of promotions have them."""

import pandas as pd

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.registry import Attribution, GateResult
from mlreg_dagster_tests.models.builders import DAY_ENDS

NOW = DAY_ENDS + pd.Timedelta(days=3, minutes=12)
BY_ANN = Attribution("ann", NOW)
LAX = EvaluationSettings(max_anomaly_rate=1.0)


def rules(**policy):
    """The usual rules, but for what is named of promotion.yaml."""
    return Rules(PromotionSettings(**policy), UseCaseSettings(), EvaluationSettings())


def governed(*, replays_history=True, worth=(), **policy):
    """Judges by these rules, where they are in force; nothing has matured but `worth`, and every rollback is fine."""
    return Governance(rules(**policy), lambda _: 0, lambda *_: worth, lambda _: 0, lambda _: {}, replays_history)


def evaluate(registry, version, failing=(), **changes):
    gates = [GateResult(name, name not in failing, 0.1, "at least 0", "as measured") for name in GATES]
    values = {
        "artifact_sha256": registry.version(version).artifact_sha256,
        "holdout_sha256": "0" * 64,
        "gates": gates,
        "metrics": {},
        "thresholds": EvaluationSettings().model_dump(mode="json"),
    }
    registry.record_evaluation(version, BY_ANN, **values | changes)
