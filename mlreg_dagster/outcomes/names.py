"""Names in the tables of the outcomes room, for those that read them without their schemas."""

from collections.abc import Mapping
from typing import Literal

PREDICTIONS_TABLE = "predictions"
REASONS_TABLE = "prediction_reasons"
OUTCOMES_TABLE = "prediction_outcomes"
PERFORMANCE_TABLE = "model_performance"
WORTH_TABLE = "model_worth"
SERVED_TABLE = "served_predictions"
SERVED_OUTCOMES_TABLE = "served_outcomes"

REMAINDER = "remainder"
"""In place of a family: the shares of all families of a prediction that are not named."""

RANKING = "ranking"
"""The role of a simple ranking; its `model_version` is `ranking:<name>`, a name that no version has."""

_PREFIX = f"{RANKING}:"
_SERVED = "served:"
IS_VERSION = f"NOT starts_with(model_version, '{_PREFIX}') AND NOT starts_with(model_version, '{_SERVED}')"
"""In SQL: the row is of a version's own predictions, not of a ranking and not of what a server answered."""

VERSION_ROWS = "version_rows"
SUSPENDED = "suspended"
"""Label of predictions in Dagster: why no holder of an alias scored an hour; `no` where none was suspended."""
"""The label on an hour of predictions under which the number of rows of versions is attached."""


def ranking_version(name: str) -> str:
    """What stands in the place of a version where a ranking has scored."""
    return f"{_PREFIX}{name}"


def is_ranking(model_version: str) -> bool:
    """Whether a ranking stands in the place of a version."""
    return model_version.startswith(_PREFIX)


def served_version(version: str) -> str:
    """What stands in the place of a version where its answers online are measured: `served:v7`."""
    return f"{_SERVED}{version}"


def is_version(model_version: str) -> bool:
    """Whether a version itself stands there, and its own predictions are measured."""
    return not model_version.startswith((_PREFIX, _SERVED))


ROLES = ("champion", "challenger", "requested", RANKING)

RATES = {
    "recall": ("true_positives", "crashes"),
    "precision": ("true_positives", "flagged"),
    "false_alarm_rate": ("false_positives", "no_crashes"),
    "base_rate": ("crashes", "resolved"),
}
"""Each rate as a count out of another."""

WorthVerdict = Literal["better", "not worse", "worse", "unknown"]
"""What matured outcomes say of a version against an opponent."""

WORTH_ENOUGH: Mapping[str, tuple[WorthVerdict, ...]] = {"better": ("better",), "not_worse": ("better", "not worse")}
"""The verdicts that satisfy each `worth` that a policy or a use case asks for."""
