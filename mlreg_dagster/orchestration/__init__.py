"""What every room's Dagster side shares: partitions, resources, metadata. No asset lives here.

Dagster itself is not imported here: what reads its storage without it lives in this room, too.
"""

import warnings

# Partitioned checks and backfill policies are marked preview and beta in Dagster 1.13. What is used of them has
# tests here, so the warnings at every load would tell users nothing. They are Dagster's BetaWarning and PreviewWarning.
warnings.filterwarnings("ignore", message=".* is currently in (beta|preview), and may have breaking changes")
