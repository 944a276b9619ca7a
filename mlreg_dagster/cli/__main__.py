"""`python -m mlreg_dagster.cli`."""

from mlreg_dagster.cli import main

main()
