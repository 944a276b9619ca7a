"""The small world of the models, for those that need no graph."""

from mlreg_dagster_tests.models.conftest import model_of, registry, store, world

__all__ = ["model_of", "registry", "store", "world"]
