"""Has a new version trained through the GraphQL API of `dagster dev`, as another system would.

python examples/retrain_by_graphql.py http://127.0.0.1:3000 v8 "the exchange listed forty coins" anna
"""

import sys
from typing import Any

import httpx

WHERE = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } jobs { name } } } } }"
ADD = """
mutation ($where: RepositorySelector!, $version: String!) {
  addDynamicPartition(repositorySelector: $where, partitionsDefName: "model_version", partitionKey: $version) {
    __typename
    ... on PythonError { message }
  }
}
"""
LAUNCH = """
mutation ($run: ExecutionParams!) {
  launchRun(executionParams: $run) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message }
  }
}
"""


def ask(url: str, query: str, **variables: Any) -> Any:
    """What the web server answers."""
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
    if "errors" in answer:
        raise SystemExit(f"The web server can't answer: {answer['errors']}")
    return answer["data"]


def retrain(url: str, version: str, reason: str, actor: str) -> str:
    """Start a run that trains and evaluates a version; returns its id."""
    nodes = ask(url, WHERE)["repositoriesOrError"]["nodes"]
    found = next(node for node in nodes if any(job["name"] == "retrain" for job in node["jobs"]))
    where = {"repositoryName": found["name"], "repositoryLocationName": found["location"]["name"]}
    ask(url, ADD, where=where, version=version)  # one that is there already stays
    why = {"actor": actor, "trigger": "manual", "reason": reason}
    run = {
        "selector": {**where, "jobName": "retrain"},
        "runConfigData": {"ops": {"candidate_model": {"config": why}, "evaluated_model": {"config": {"actor": actor}}}},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": version}]},
    }
    answer = ask(url, LAUNCH, run=run)["launchRun"]
    if answer["__typename"] != "LaunchRunSuccess":
        raise SystemExit(f"The run was not started: {answer}")
    return str(answer["run"]["runId"])


if __name__ == "__main__":
    print(retrain(*sys.argv[1:5]))
