"""The world of the models, and its models as the server loads them."""

from mlreg_dagster_tests.models.conftest import model_of, store, world

__all__ = ["model_of", "store", "world"]
