"""What the admin port answers: metrics, health and status. It has no keys."""

from typing import TYPE_CHECKING

import msgspec

from mlreg_dagster.core.version import __version__
from mlreg_dagster.serving.app.application import Endpoint
from mlreg_dagster.serving.app.exchange import Reply, Request
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.refusals import NotReady
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.following.follower import Follower
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.serving.metrics import CONTENT_TYPE, AliasModel, ServerMetrics
from mlreg_dagster.serving.protocols.server_metadata import rollout_now

if TYPE_CHECKING:
    from mlreg_dagster.serving.online.latest import LatestHour

_json = msgspec.json.Encoder()


class AdminRoutes:
    """The routes of the admin port.

    Args:
        follower: What is served.
        latest: The newest hour.
        log: Counts answers without a line.
        metrics: Of the public port.
        work: Counts requests under way.
        health: Whether the server is ready.
    """

    def __init__(
        self,
        follower: Follower,
        latest: "LatestHour | None",
        log: PredictionLog | None,
        metrics: ServerMetrics,
        work: Work,
        health: Health,
    ) -> None:
        self._follower, self._latest, self._log = follower, latest, log
        self._metrics, self._work, self._health = metrics, work, health
        self._dropped = 0

    def endpoints(self) -> list[Endpoint]:
        """All routes."""
        return [
            Endpoint.at("/metrics", self.metrics, None),
            Endpoint.at("/healthz", self.live, None),
            Endpoint.at("/readyz", self.ready, None),
            Endpoint.at("/status", self.status, None),
        ]

    async def metrics(self, request: Request, _: bytes) -> Reply:
        """The numbers of the server, as Prometheus reads them."""
        del request
        knowledge = self._follower.knowledge()
        self._metrics.ready(not self._health.problems())
        served = [each.alias for each in self._follower.names() if each.alias is not None]
        self._metrics.knowledge(knowledge, served)
        self._metrics.models(
            (
                AliasModel(served.alias, served.model.version, served.effective_at, served.rollout)
                for served in self._follower.names()
                if served.alias is not None and served.effective_at is not None
            ),
            knowledge.not_taken,
        )
        if self._latest is not None:
            self._metrics.latest_hour(self._latest.hour)
        if self._log is not None:
            dropped = self._log.dropped
            self._metrics.log_dropped(dropped - self._dropped)
            self._dropped = dropped
        return Reply(self._metrics.exposition(), media_type=CONTENT_TYPE)

    async def live(self, request: Request, _: bytes) -> Reply:
        """Whether the process answers."""
        del request
        return Reply(b'{"live":true}')

    async def ready(self, request: Request, _: bytes) -> Reply:
        """Whether the server can answer requests."""
        del request
        if problems := self._health.problems():
            raise NotReady(" ".join(problems))
        return Reply(b'{"ready":true}')

    async def status(self, request: Request, _: bytes) -> Reply:
        """What the server serves and knows, for people."""
        del request
        knowledge = self._follower.knowledge()
        return Reply(
            _json.encode(
                {
                    "release": __version__,
                    "ready": not (problems := self._health.problems()),
                    "problems": problems,
                    "knowledge": knowledge,
                    "served": [
                        {
                            "name": served.name,
                            "version": served.model.version,
                            "artifact_sha256": served.model.sha256,
                            "alias_sequence": served.sequence,
                            "effective_at": served.effective_at,
                            "rollout": rollout_now(served),
                        }
                        for served in self._follower.names()
                    ],
                    "latest_hour": None if self._latest is None else self._latest.hour,
                    "requests_under_way": self._work.under_way,
                    "log": None
                    if self._log is None
                    else {"written": self._log.written, "dropped": self._log.dropped, "problem": self._log.problem()},
                }
            )
        )
