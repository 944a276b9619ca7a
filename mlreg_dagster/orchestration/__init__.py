"""What the Dagster side of every room shares: partitions, resources, metadata, retries. No asset belongs here."""

import warnings

import dagster as dg

# Partitioned checks and backfill policies are marked preview and beta in Dagster 1.13. What is used of them has
# tests here, so the warnings at every load would tell users nothing.
for _category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=_category)
