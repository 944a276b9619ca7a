"""Ask what the web server is asked, without one: GraphQL on the project's code location, loaded in this process."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.test.utils import execute_dagster_graphql

_NAME = "mlreg_dagster"


class Page:
    """What a page of the UI can ask."""

    def __init__(self, workspace: WorkspaceProcessContext) -> None:
        self.workspace = workspace

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to a query; an error of the query fails the test."""
        answer = execute_dagster_graphql(self.workspace.create_request_context(), query, variables)
        return answer.data

    def launch(self, job: str, config: Mapping[str, Any], partition: str | None = None) -> dict[str, Any]:
        """Press "Launch" in the launchpad, which validates before anything runs."""
        mutation = """
            mutation ($parameters: ExecutionParams!) {
              launchRun(executionParams: $parameters) {
                __typename
                ... on RunConfigValidationInvalid { errors { message } }
                ... on PythonError { message }
              }
            }
        """
        selector = {"repositoryLocationName": _NAME, "repositoryName": "__repository__", "jobName": job}
        tags = [{"key": "dagster/partition", "value": partition}] if partition else []
        parameters = {"selector": selector, "runConfigData": config, "executionMetadata": {"tags": tags}}
        return self.ask(mutation, parameters=parameters)["launchRun"]


@contextmanager
def page_of(instance: dg.DagsterInstance) -> Iterator[Page]:
    """The project's code location, as MLREG_HOME and MLREG_CONFIG_DIR say, on an instance."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name="mlreg_dagster.definitions")
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=_NAME)
    with WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget(origin)) as workspace:
        yield Page(workspace)
