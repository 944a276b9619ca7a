"""One server process: its parts are put together from settings and command line, and closed at the end."""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from mlreg_dagster.config.places import artifacts_root, latest_root, registry_url, serving_keys_file
from mlreg_dagster.config.sections.serving import LimitSettings
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.app.admin import AdminRoutes
from mlreg_dagster.serving.app.application import Application
from mlreg_dagster.serving.app.exchange import Intake
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.keys import Keyring
from mlreg_dagster.serving.app.listening import is_loopback, listen, possible_connections, url_of
from mlreg_dagster.serving.app.routes import Routes
from mlreg_dagster.serving.app.scoring import Scoring
from mlreg_dagster.serving.app.server import Running
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.following.follower import Follower
from mlreg_dagster.serving.log.writer import PredictionLog
from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.online.latest import LatestHour
from mlreg_dagster.serving.rollout.counts import ArmCounter
from mlreg_dagster.serving.rollout.shadow import ShadowQueue
from mlreg_dagster.serving.tracing import Tracing, configured_tracing
from mlreg_dagster.storage.prediction_log import layout_of

_LOG = logging.getLogger(__name__)


class NotSafe(MlregError):
    """The server would be open to others than those who may ask."""


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        host: Of the public port.
        port: 0: any that is free.
        admin_host: Of the admin port.
        admin_port: 0: any that is free.
        open_to_all: No keys are asked for.
        access_log: A line a request.
    """

    host: str
    port: int
    admin_host: str
    admin_port: int
    open_to_all: bool = False
    access_log: bool = False


def serve_process(home: Path, configured: Settings, options: Options) -> None:
    """Serve until a signal asks for the end.

    Args:
        home: Where registry, artifacts, newest hour, keys and log are, unless variables name other places.
        configured: All settings.
        options: Where it listens.

    Raises:
        AddressTaken, KeysUnreadable, NotSafe, ConfigError: It can't begin.
    """
    settings, keyring = configured.serving, _keyring(serving_keys_file(home), options)
    with (
        listen(options.host, options.port, "--port") as public,
        listen(options.admin_host, options.admin_port, "--admin-port") as admin,
    ):
        _log_to_stderr(options.access_log)
        if not keyring.required:
            _LOG.warning("No API keys are asked for: everybody who can reach %s may ask.", url_of(public))
        limits = _possible(settings.limits)
        latest = LatestHour(latest_root(home))
        if latest.hour is None:
            _LOG.warning("%s", latest.why_none())
        log = PredictionLog(layout_of(home).root, settings.log) if settings.log.enabled else None
        follower = Follower(registry_url(home), artifacts_root(home), settings)
        metrics, work, health = ServerMetrics(), Work(limits), Health(follower, log, keyring, settings.alias)
        counter = ArmCounter(home, configured.rollout, follower.names, metrics, log)
        shadow = ShadowQueue(counter, metrics, configured.rollout.shadow_queue, latest)
        try:
            counter.start()
            shadow.start()
            reasons = configured.outcomes.reasons
            scoring = Scoring(latest, log, settings, work, health, reasons, counter, shadow)
            routes = Routes(follower, scoring, settings, health)
            application = Application(routes.endpoints(), keyring, Intake(limits), work, metrics, configured_tracing())
            for_admin = AdminRoutes(follower, latest, log, metrics, work, health)
            admin_application = Application(
                for_admin.endpoints(), Keyring(None), Intake(limits), Work(limits), ServerMetrics(), Tracing(None)
            )
            running = Running(application, admin_application, limits, metrics, keyring, health)
            address = f"Serving {settings.alias} on {url_of(public)}; metrics and status: {url_of(admin)}"
            running.run(public, admin, follower.start, lambda: print(address, flush=True))
        finally:
            shadow.stop()
            counter.close()
            follower.stop()
            if log is not None:
                log.close()


def _keyring(place: Path, options: Options) -> Keyring:
    if options.open_to_all:
        return Keyring(None)
    keyring = Keyring(place)
    if not keyring.required and not is_loopback(options.host):
        raise NotSafe(
            f"{options.host} can be reached from other machines, and there are no API keys in {place}. Add one with "
            f"`mlreg keys add NAME`, or serve everybody with --open."
        )
    return keyring


def _possible(limits: LimitSettings) -> LimitSettings:
    connections = possible_connections(limits.connections)
    if connections < limits.connections:
        _LOG.warning("Only %d connections at once: raise the limit of open files (ulimit -n).", connections)
    return limits.model_copy(update={"connections": connections})


def _log_to_stderr(access_log: bool) -> None:
    """Messages of this project and of uvicorn; libraries' own stay at warnings."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=form)
    logging.getLogger("mlreg_dagster").setLevel(logging.INFO)
    logging.getLogger("mlreg_dagster.serving.access").setLevel(logging.INFO if access_log else logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # of requests that are none it would say so each time
