"""Dagster that remembers nothing, for views of tests."""

from mlreg_dagster.pages.dagster_facts.facts import Drawn, Made, Partitions
from mlreg_dagster.verification.answers import CheckExecution


class NothingKnown:
    """Where there is neither a web server nor a storage that can be read: every answer is empty.

    Args:
        why: The reason, as a sentence for people.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    @property
    def why(self) -> str | None:
        """The reason."""
        return self._why

    def assets(self) -> tuple[str, ...]:
        """None."""
        return ()

    def materializations(
        self,
        asset: str,  # noqa: ARG002 - the protocol's
        limit: int = 20,  # noqa: ARG002
        partition: str | None = None,  # noqa: ARG002
        run_id: str | None = None,  # noqa: ARG002
    ) -> list[Made]:
        """None."""
        return []

    def pictured(
        self,
        asset: str,  # noqa: ARG002
        limit: int = 20,  # noqa: ARG002
        skip: int = 0,  # noqa: ARG002
        partition: str | None = None,  # noqa: ARG002
        run_id: str | None = None,  # noqa: ARG002
    ) -> list[Made]:
        """None."""
        return []

    def pictures(self, asset: str, partition: str | None = None, run_id: str | None = None) -> list[Drawn]:  # noqa: ARG002
        """None."""
        return []

    def checks(self, asset: str, partition: str | None = None) -> list[CheckExecution]:  # noqa: ARG002
        """None."""
        return []

    def partitions(self, asset: str) -> Partitions:  # noqa: ARG002
        """Nothing of them."""
        return Partitions()
