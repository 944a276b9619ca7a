"""Metadata of the model assets: rows for tables, and numbers that are worth plotting over versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import describe_features
from mlreg_dagster.registry import GateResult

_COMPARED = {"average_precision": "average precision", "anomaly_rate": "flagged share"}


def feature_rows(names: Sequence[str], settings: FeatureSettings) -> list[dict[str, str]]:
    """The features that a model sees, in its order, and what each means."""
    meanings = describe_features(settings)
    return [{"feature": name, "meaning": meanings.get(name, "not computed today")} for name in names]


def setting_rows(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Settings by name."""
    return [{"setting": name, "value": str(value)} for name, value in values.items()]


def numbers_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an evaluation; what could not be measured is left out."""
    numbers = {
        "average_precision": metrics["average_precision"],
        "baseline_average_precision": metrics["baseline_average_precision"],
        "flagged_share": metrics["anomaly_rate"],
    }
    return {name: value for name, value in numbers.items() if value is not None}


def versus_rows(versus: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A version beside the champion of then, on the same rows; none without a comparison."""
    if "left" not in versus:
        return []
    pair = (versus["left"], versus["right"])
    return [
        {"on the same rows": text, **dict(zip(pair, versus[name], strict=True))} for name, text in _COMPARED.items()
    ]


def verdict_text(versus: Mapping[str, Any]) -> str:
    """How a version stands to the champion of then, in words."""
    if "left" in versus:
        return f"{versus['left']} against {versus['right']}: {versus['verdict']}; {versus['reason']}"
    return str(versus.get("not_comparable") or "There was no other champion to compare with.")


def importance_rows(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Importance as it stands in the metrics of an evaluation, a row for each family."""
    return [
        {
            "family": each["family"],
            "drop in average precision": each["drop"],
            "low": each["low"],
            "high": each["high"],
            "features": ", ".join(each["features"]),
        }
        for each in facts.get("families", ())
    ]


def interval_metadata(gate: GateResult) -> dict[str, Any]:
    """The interval of a gate on planted anomalies as numbers, and its spread over seeds and days as text."""
    interval = gate.interval or {}
    ends = {name: interval[name] for name in ("low", "high") if interval.get(name) is not None}
    spread = {name: interval[name] for name in ("seeds", "days") if interval.get(name)}
    return ends | {
        name: ", ".join(f"{key}: {value:+.3f}" for key, value in values.items()) for name, values in spread.items()
    }
