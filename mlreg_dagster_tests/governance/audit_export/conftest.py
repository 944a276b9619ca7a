"""The registry's two databases."""

from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.conftest import filled_once, registry, registry_url

__all__ = ["filled_once", "postgres_server", "postgres_url", "registry", "registry_url"]
