"""`mlreg`: what the dagster CLI can't do in one go. Everything goes through the graph's own jobs."""

from mlreg_dagster.cli.app import app, main
from mlreg_dagster.cli.session import console

__all__ = ["app", "console", "main"]
