"""The gates: every question that a version must answer before it may be promoted, in one catalogue.

A gate is measured on what an evaluation found (`context`). Planting, scoring and comparing are in `evaluation`; which
results admit a version is decided in `governance`. Importing it takes no scikit-learn.
"""

from collections.abc import Iterable

from mlreg_dagster.config import ConfigError, EvaluationSettings
from mlreg_dagster.config.sections.governance import PromotionSettings
from mlreg_dagster.extensions.gates import GATES as CATALOGUE
from mlreg_dagster.extensions.gates import Gate, with_registered_gates
from mlreg_dagster.models.gates.built_in import questions
from mlreg_dagster.models.gates.context import GateContext, results_of
from mlreg_dagster.models.gates.planted import AVERAGE_PRECISION, IMPROVEMENT
from mlreg_dagster.models.gates.standard import ANOMALY_RATE, RATE_SHIFT, SCORE_GAP, SILHOUETTE
from mlreg_dagster.models.gates.strict import BETTER, LATENCY, MISSING, NOISE, PARITY, SIZE

__all__ = [
    "ANOMALY_RATE",
    "AVERAGE_PRECISION",
    "BETTER",
    "CATALOGUE",
    "GATES",
    "IMPROVEMENT",
    "LATENCY",
    "MISSING",
    "NOISE",
    "PARITY",
    "RATE_SHIFT",
    "SCORE_GAP",
    "SILHOUETTE",
    "SIZE",
    "STRICT_GATES",
    "GateContext",
    "asked_gates",
    "missing_gates",
    "require_known_gates",
    "results_of",
    "with_registered_gates",
]

GATES = questions(strict=False)
"""The package's gates that every version must pass, and what each asks, in the order in which they are shown."""

STRICT_GATES = questions(strict=True)
"""The package's gates that a risk tier of promotion.yaml may ask for on top."""


def asked_gates(tier: Iterable[str]) -> tuple[Gate, ...]:
    """The gates of an evaluation: what every version must pass, plug-ins' gates included, then the tier's.

    Args:
        tier: Names of the strict gates that the risk tier asks for.
    """
    every = [gate for gate in CATALOGUE.values if not gate.strict]
    return (*every, *(gate for name in dict.fromkeys(tier) if (gate := CATALOGUE.get(name)) and gate not in every))


def missing_gates(measured: Iterable[str], tier: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
    """The gates that count for a promotion and that an evaluation did not measure.

    A plug-in's gate that is in force counts even where the plug-in is no longer installed.

    Args:
        measured: Names of the gates that it did.
        tier: Names of the strict gates that the risk tier asks for.
        own: Names of the plug-ins' gates whose bounds are in force.
    """
    measured = set(measured)
    of_every_version = (name for name in own if not ((gate := CATALOGUE.get(name)) and gate.strict))
    return tuple(name for name in dict.fromkeys((*of_every_version, *tier)) if name not in measured)


def require_known_gates(evaluation: EvaluationSettings, promotion: PromotionSettings) -> None:
    """Refuse settings that name a gate which nothing registers.

    Raises:
        ConfigError: They do.
    """
    own = [gate.name for gate in CATALOGUE.values if gate.bounds is not None]
    asked: list[tuple[str, Iterable[str], list[str]]] = [("evaluation.yaml: gates", evaluation.gates, own)]
    tiers = {"low": promotion.low, "high": promotion.high}
    strict_names = [gate.name for gate in CATALOGUE.values if gate.strict]
    asked += [(f"promotion.yaml: {name}.gates", tier.gates, strict_names) for name, tier in tiers.items()]
    for where, names, allowed in asked:
        if unknown := [name for name in names if name not in allowed]:
            raise ConfigError(
                f"{where}: there is no such gate as {', '.join(unknown)}; allowed are "
                f"{', '.join(allowed) or 'none, as no plug-in registers a gate'}."
            )
