"""Which model files are due for training on the newest dataset. Plain: the sensor stands in `sensor`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.config import ModelSettings, RetrainingSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.models.manifests import VARIANT, recorded_settings
from mlreg_dagster.registry import ModelVersion


@dataclass(frozen=True)
class Training:
    """A training that is due: which config file, with which values, on which dataset."""

    model: str
    day: str
    dataset_sha256: str
    settings_sha256: str

    @property
    def key(self) -> str:
        """The same for the same dataset and configuration."""
        return f"{self.model}-{self.settings_sha256[:16]}-{self.dataset_sha256[:16]}"


def due_trainings(
    versions: Sequence[ModelVersion],
    newest: tuple[str, str] | None,
    models: dict[str, ModelSettings],
    settings: RetrainingSettings,
    has_champion: bool,
) -> list[Training]:
    """Config files that are due on the newest dataset.

    Args:
        versions: All registered versions.
        newest: Day and hash of the newest dataset of which both parts are frozen; None where there is none.
        models: Every model config by its file name.
        settings: Which of them, and how often.
        has_champion: Whether a version is champion; until then every new dataset is trained on.

    Returns:
        Those never trained so, or not for `every_days`. Never the same dataset and configuration twice.
    """
    if newest is None:
        return []
    day, sha256 = newest
    pause = pd.Timedelta(days=settings.every_days if has_champion else 1)
    due: dict[str, Training] = {}
    for name in settings.models:
        digest = _digest(recorded_settings(models[name]))
        days = [as_hour(each.dataset_day) for each in versions if _trained_digest(each.manifest) == digest]
        if not days or as_hour(day) >= max(days) + pause:
            due.setdefault(digest, Training(name, day, sha256, digest))  # two files may say the same
    return list(due.values())


def _trained_digest(manifest: Mapping[str, Any]) -> str | None:
    """None of a variant, which no training on schedule gives."""
    return None if VARIANT in manifest else _digest(manifest["settings"])


def _digest(settings: Mapping[str, Any]) -> str:
    """Of the text: to a detector, 1 and 1.0 may mean a number and a share."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
