"""The world of the models."""

from mlreg_dagster_tests.models.conftest import model_of, world

__all__ = ["model_of", "world"]
