"""The sensor that records and delivers alerts, with the facts that it takes from Dagster; rules are in `monitoring`."""
