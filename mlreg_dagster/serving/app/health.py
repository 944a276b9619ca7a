"""Whether the server is ready, and why it is not: one place for the routes, the admin port and the metrics."""

from collections.abc import Iterator
from datetime import UTC, datetime

from mlreg_dagster.registry import AliasSuspended
from mlreg_dagster.serving.app.keys import Keyring
from mlreg_dagster.serving.following.follower import Follower, NotLoaded
from mlreg_dagster.serving.log.writer import PredictionLog


class Health:
    """What stands in the way of answers.

    A registry or bundle that is broken does not: the last good version goes on. A suspended alias does not, either: the
    server answers, and says so; a balancer that took it out would hide why.

    Args:
        follower: Knows what is loaded.
        log: Where answers are written; None: nowhere.
        keyring: Who may ask.
        alias: Without whose version the server is not ready.

    Attributes:
        stopping: The server has been asked to end.
    """

    def __init__(self, follower: Follower, log: PredictionLog | None, keyring: Keyring, alias: str) -> None:
        self._follower, self._log, self._keyring, self._alias = follower, log, keyring, alias
        self.stopping = False

    def problems(self) -> list[str]:
        """Sentences that say why the server is not ready; none where it is."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.stopping:
            yield "The server is being stopped."
        if not self._follower.knowledge().ready:
            try:
                self._follower.get(self._alias)
            except (NotLoaded, AliasSuspended) as error:
                yield str(error)
        if self._log is not None and not self._log.is_healthy():
            why = self._log.problem() or "too many answers left without a line"
            yield f"The prediction log can't be written: {why}."
        if self._keyring.problem is not None:
            yield self._keyring.problem

    def knowledge_age_seconds(self) -> float:
        """How long ago the registry last answered; as long as there is time where it never did."""
        checked_at = self._follower.knowledge().checked_at
        return 0.0 if checked_at is None else max(0.0, (datetime.now(UTC) - checked_at).total_seconds())
