"""A PostgreSQL server for the tests that ask for `postgres_url`."""

from mlreg_dagster_tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
