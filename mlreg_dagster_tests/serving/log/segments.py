"""Writes answers to the log of a home, as the server does."""

from pathlib import Path
from typing import Any

from mlreg_dagster.config.sections.serving import PredictionLogSettings
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.storage.prediction_log import layout_of


def write(home: Path, *answers: Any) -> None:
    """One segment, or as many as the answers have hours; sealed."""
    log = PredictionLog(layout_of(home).root, PredictionLogSettings(slow_seconds=30))
    for each in answers:
        log.append(each, 0.01, protocol="mlflow")
    log.close()
