"""What the pages ask a web server in GraphQL, beside the queries of `verification`."""

from collections.abc import Sequence
from typing import Any

from mlreg_dagster.verification.queries import METADATA

_FOUND = """
query ($asset: [String!]!, $partitions: [String!], $before: String, $limit: Int) {
  assetOrError(assetKey: {path: $asset}) {
    ... on Asset {
      assetMaterializations(partitions: $partitions, beforeTimestampMillis: $before, limit: $limit) {
        partition
        runId
        timestamp
        %s
      }
    }
  }
}
"""

MATERIALIZATIONS = _FOUND % METADATA
WITHOUT_METADATA = _FOUND % ""
ASSETS = "{ assetsOrError { ... on PythonError { message } ... on AssetConnection { nodes { key { path } } } } }"

CHECKS = """
query ($asset: [String!]!) {
  assetNodeOrError(assetKey: {path: $asset}) {
    ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks { name } } } }
  }
}
"""

PARTITIONS = """
query ($asset: [String!]!) {
  assetNodeOrError(assetKey: {path: $asset}) {
    ... on AssetNode {
      partitionStats { numMaterialized numFailed numPartitions numMaterializing }
      assetPartitionStatuses {
        ... on TimePartitionStatuses { ranges { status startKey endKey } }
        ... on DefaultPartitionStatuses { materializedPartitions }
      }
    }
  }
}
"""

_NEWEST = """assetOrError(assetKey: {path: $n%d}) {
    ... on Asset { assetMaterializations(beforeTimestampMillis: $before, limit: 1) { runId } }
  }"""
_EXECUTIONS = """assetCheckExecutions(assetKey: {path: $asset}, checkName: $n%d, partition: $partition, limit: $limit) {
    status
    partition
    timestamp
    evaluation { severity description timestamp }
  }"""


def newest_of_each(assets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
    """A query for the newest materialization of each asset before `$before`, and its other variables."""
    return _of_each("[String!]!", _NEWEST, assets, "$before: String")


def executions_of_each(checks: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """A query for the newest executions of each check of `$asset`, and its other variables."""
    return _of_each("String!", _EXECUTIONS, checks, "$asset: [String!]!, $partition: String, $limit: Int!")


def _of_each(kind: str, field: str, values: Sequence[Any], more: str) -> tuple[str, dict[str, Any]]:
    """One query for all of them, whose answers stand under `a0`, `a1`, …; values are variables, never text of it."""
    declared = "".join(f"$n{number}: {kind}, " for number, _ in enumerate(values))
    fields = "".join(f"  a{number}: {field % number}\n" for number, _ in enumerate(values))
    return f"query ({declared}{more}) {{\n{fields}}}\n", {f"n{number}": value for number, value in enumerate(values)}
