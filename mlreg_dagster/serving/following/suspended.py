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


def in_effect(
    before: Mapping[str, Suspension], trusted: Trusted, served: Mapping[str, Served]
) -> Mapping[str, Suspension]:
    """The suspensions by which aliases give no answer.

    One that has ended goes on until the holder of its alias is served: where the alias moved meanwhile, the version
    that was stopped must not be the last good one that answers on.

    Args:
        before: Those that were in effect at the last look.
        trusted: What is believed of the registry now.
        served: What is served now, by alias.
    """
    ended = {alias: each for alias, each in before.items() if not _is_served(alias, trusted, served)}
    return {**ended, **trusted.suspended}


def _is_served(alias: str, trusted: Trusted, served: Mapping[str, Served]) -> bool:
    move, found = trusted.moves.get(alias), served.get(alias)
    return found is None or (move is not None and found.model.sha256 == move.artifact_sha256)


def still_answering(previous: Mapping[str, Served], suspended: Mapping[str, Suspension]) -> Mapping[str, Served]:
    """Those of the versions that answer for suspended aliases whose suspension goes on."""
    return {alias: each for alias, each in previous.items() if each.suspension == suspended.get(alias)}


def answering(
    previous: Mapping[str, Served],
    suspended: Mapping[str, Suspension],
    aliases: Collection[str],
    load: Callable[[str, str, Bundle], ServedModel | NotLoadable],
) -> Mapping[str, Served]:
    """The versions that answer for suspended aliases, by alias, where their suspensions name one.

    Args:
        previous: Those that do already.
        suspended: The suspensions that are in effect, by alias.
        aliases: Those that are served.
        load: Gets a version for a place, by the event that names it.
    """
    found = dict(still_answering(previous, suspended))
    for alias, change in suspended.items():
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
