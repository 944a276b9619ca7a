"""What suspensions mean for a server: which versions give no answer, and which answer in the place of a holder."""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from mlreg_dagster.registry import Suspension
from mlreg_dagster.registry.trust import Trusted
from mlreg_dagster.serving.following.loading import NotLoadable
from mlreg_dagster.serving.following.names import Bundle, Served
from mlreg_dagster.serving.scoring.model import ServedModel

_LOG = logging.getLogger(__name__)


def stopped_versions(trusted: Trusted) -> Mapping[str, Suspension]:
    """The versions that hold a suspended alias, by name: asked for by name they give no answer, either."""
    held = {alias: move.version for alias, move in trusted.moves.items()}
    return {held[alias]: each for alias, each in trusted.suspended.items() if alias in held}


def still_answering(previous: Mapping[str, Served], trusted: Trusted) -> Mapping[str, Served]:
    """Those of the versions that answer for suspended aliases whose suspension holds on."""
    return {alias: each for alias, each in previous.items() if each.suspension == trusted.suspended.get(alias)}


def answering(
    previous: Mapping[str, Served],
    trusted: Trusted,
    aliases: Collection[str],
    load: Callable[[str, str, Bundle], ServedModel | NotLoadable],
) -> Mapping[str, Served]:
    """The versions that answer for suspended aliases, by alias, where their suspensions name one.

    Args:
        previous: Those that do already.
        trusted: What is believed of the registry.
        aliases: Those that are served.
        load: Gets a version for a place, by the event that names it.
    """
    found = dict(still_answering(previous, trusted))
    for alias, change in trusted.suspended.items():
        asked = change.previous
        if asked is None or alias in found or alias not in aliases:
            continue
        model = load(f"{alias} previous", str(change.sequence), Bundle(asked["version"], asked["artifact_sha256"]))
        if isinstance(model, NotLoadable):
            _LOG.error("%s can't answer for %s, which is suspended. %s", asked["version"], alias, model.why)
            continue
        since = datetime.fromisoformat(asked["effective_at"])
        found[alias] = Served(alias, alias, asked["sequence"], since, model, suspension=change)
        _LOG.warning("%s is suspended; %s, its holder before, answers meanwhile", alias, model.version)
    return found


def log_changes(before: Mapping[str, Suspension], now: Mapping[str, Suspension]) -> None:
    """Log which aliases were suspended and resumed between two looks."""
    for alias, change in now.items():
        if before.get(alias) != change:
            _LOG.warning("%s. No holder of it answers", change.in_words)
    for alias in before.keys() - now.keys():
        _LOG.info("%s is resumed", alias)
