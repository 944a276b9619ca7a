"""Questions to a Dagster instance: its runs, event log and check results."""
