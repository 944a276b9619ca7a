"""The GraphQL queries."""

LOCATIONS = """
{
  workspaceOrError {
    ... on PythonError { message }
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError {
          ... on PythonError { message }
          ... on RepositoryLocation {
            repositories {
              name
              assetNodes {
                assetKey { path }
                assetChecksOrError { ... on AssetChecks { checks { name } } }
              }
              jobs { name }
              schedules { name scheduleState { status ticks(limit: 1) { error { message } } } }
              sensors { name sensorState { status ticks(limit: 1) { error { message } } } }
            }
          }
        }
      }
    }
  }
}
"""

DAEMONS = """
{
  instance {
    daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatErrors { message } } }
  }
}
"""

METADATA = """
        metadataEntries {
          label
          ... on IntMetadataEntry { intValue }
          ... on FloatMetadataEntry { floatValue }
          ... on BoolMetadataEntry { boolValue }
          ... on TextMetadataEntry { text }
          ... on MarkdownMetadataEntry { mdStr }
          ... on UrlMetadataEntry { url }
          ... on JsonMetadataEntry { jsonString }
          ... on TableMetadataEntry { table { records } }
        }
"""
"""What a materialization carries, of the kinds that are used here."""

MATERIALIZATIONS = (
    """
query ($asset: [String!]!, $partitions: [String!], $limit: Int) {
  assetOrError(assetKey: {path: $asset}) {
    ... on Asset {
      assetMaterializations(partitions: $partitions, limit: $limit) {
        partition
        runId
"""
    + METADATA
    + """
      }
    }
  }
}
"""
)

PARTITIONS = """
query ($asset: [String!]!) {
  assetNodeOrError(assetKey: {path: $asset}) {
    ... on AssetNode { assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status endKey } } } }
  }
}
"""

CHECK_EXECUTIONS = """
query ($asset: [String!]!, $check: String!, $partition: String, $limit: Int!) {
  assetCheckExecutions(assetKey: {path: $asset}, checkName: $check, partition: $partition, limit: $limit) {
    status
    partition
    evaluation { severity description }
  }
}
"""

DEFINITION = """
query ($asset: [String!]!) {
  assetNodeOrError(assetKey: {path: $asset}) {
    ... on AssetNode { metadataEntries { label ... on TextMetadataEntry { text } } }
  }
}
"""

FRESHNESS = """
query ($asset: [String!]!) {
  assetNodeOrError(assetKey: {path: $asset}) {
    ... on AssetNode { freshnessStatusInfo { freshnessStatus } }
  }
}
"""

RUNS = """
query ($filter: RunsFilter, $limit: Int) {
  runsOrError(filter: $filter, limit: $limit) {
    ... on PythonError { message }
    ... on Runs { results { runId jobName status tags { key value } } }
  }
}
"""
