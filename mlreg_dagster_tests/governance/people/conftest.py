"""A registry whose policy is in force from the beginning, and keys of people."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.governance.decisions.signing import make_key
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.registry import Registry

START = pd.Timestamp("2026-03-01", tz="UTC")


def rules_with(**promotion) -> Rules:
    """What files ask for whose promotion.yaml says this."""
    return Rules(PromotionSettings.model_validate(promotion), UseCaseSettings(), EvaluationSettings())


@pytest.fixture
def registry_with(tmp_path: Path) -> Callable[..., Registry]:
    """Make a registry with this promotion.yaml in force since START."""

    def make(**promotion) -> Registry:
        content = rules_with(**promotion).content
        return Registry(f"sqlite:///{tmp_path}/registry.db", lambda: (content, START))

    return make


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """The file of a private key and the public key, by name."""
    return {
        name: (tmp_path / f"{name}.pem", make_key(tmp_path / f"{name}.pem")) for name in ("anna", "bert", "mallory")
    }
