"""The thread that keeps the models which names mean now; requests read what it has put together, and never wait."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event, Thread

from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts.files import MODELS
from mlreg_dagster.registry import AliasEvent, AliasSuspended, Suspension
from mlreg_dagster.registry.names import is_version
from mlreg_dagster.registry.trust import Trusted
from mlreg_dagster.serving.following import rollouts, suspended
from mlreg_dagster.serving.following.knowledge import Knowledge, NotTaken
from mlreg_dagster.serving.following.loading import Loading, NotLoadable
from mlreg_dagster.serving.following.names import Bundle, NotLoaded, Served, UnknownName, unknown, why_not
from mlreg_dagster.serving.following.versions import Versions
from mlreg_dagster.serving.following.watch import Watch
from mlreg_dagster.serving.scoring import model as scoring
from mlreg_dagster.serving.scoring.model import ServedModel
from mlreg_dagster.storage.artifacts import open_artifacts

__all__ = ["Follower", "Knowledge", "NotLoaded", "NotTaken", "Served", "UnknownName"]

_LOG = logging.getLogger(__name__)
_BUNDLES_EVERY_S = 30.0
"""How often the bundles of the models that are served are read again, to say that one is damaged."""


@dataclass(frozen=True)
class _Now:
    """All that requests read; replaced as a whole.

    Attributes:
        served: By alias.
        versions: By name: the hash of each version that the registry knows.
        aliases: All that the registry knows.
        knowledge: What is known of the registry, and which aliases are suspended.
        previous: By suspended alias: the holder before, where that answers meanwhile.
        stopped: By name: the versions that hold a suspended alias.
    """

    served: Mapping[str, Served] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    aliases: frozenset[str] = frozenset()
    knowledge: Knowledge = field(default_factory=lambda: Knowledge(ready=False))
    previous: Mapping[str, Served] = field(default_factory=dict)
    stopped: Mapping[str, Suspension] = field(default_factory=dict)


class Follower:
    """Follows a registry.

    A new model is loaded, verified and warmed beside the old one, which answers until one assignment replaces it, and
    the split of its traffic with it. What is wrong with the registry or a bundle is told by `knowledge`; the last good
    model answers on.

    Args:
        registry_url: As for `Registry`.
        artifacts: The folder or URL of the bundles.
        settings: serving.yaml.
    """

    def __init__(self, registry_url: str, artifacts: str, settings: ServingSettings) -> None:
        self._settings = settings
        self._watch = Watch(registry_url)
        self._store = open_artifacts(artifacts)
        self._versions = Versions(self._load, settings.versions_kept)
        self._now = _Now()
        self._loading = Loading(self._load, settings.poll_seconds)
        self._bundles_at = time.monotonic()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="mlreg-follower", daemon=True)

    def start(self) -> None:
        """Look once, load what the aliases mean, then go on in a thread."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._versions.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def get(self, name: str) -> Served:
        """What a name means now.

        Raises:
            UnknownName: The registry knows no such version, and no such alias is served.
            NotLoaded: It begins to be loaded; try again in a moment. Or it can't be loaded, and why.
            AliasSuspended: The alias is suspended, or it is the version that holds a suspended one.
        """
        now = self._now
        if (other := now.previous.get(name)) is not None:
            return other
        found = now.served.get(name)
        holding = name if found is None else found.model.version
        if (stopped := now.knowledge.suspended.get(name) or now.stopped.get(holding)) is not None:
            raise AliasSuspended(stopped)
        if found is not None:
            return found
        if name in self._settings.aliases:
            raise NotLoaded(why_not(name, now.knowledge, is_known=name in now.aliases))
        if is_version(name) and now.knowledge.checked_at is None:  # it may be known once the registry was read
            raise NotLoaded(f"The registry was not read yet, so {name} is not known. Try again in a moment.")
        if not is_version(name) or name not in now.versions:
            raise UnknownName(unknown(name, now.versions, now.aliases, self._settings.aliases))
        bundle = Bundle(name, now.versions[name])
        for each in _of_aliases(now):
            if (each.version, each.sha256) == (bundle.version, bundle.artifact_sha256):
                return Served(name, None, None, None, each)
        return Served(name, None, None, None, self._versions.get(bundle))

    def names(self) -> list[Served]:
        """All that is loaded: aliases first, then versions that were asked for by name."""
        by_name = [Served(model.version, None, None, None, model) for model in self._versions.loaded()]
        now = self._now
        served = (each for alias, each in now.served.items() if alias not in now.knowledge.suspended)
        return [*served, *now.previous.values(), *by_name]

    def knowledge(self) -> Knowledge:
        """What is known of the registry."""
        return self._now.knowledge

    def look(self) -> None:
        """Look at the registry once, and load what is new; nothing is raised."""
        when = datetime.now(UTC)
        try:
            trusted = self._watch.look()
        except Exception as error:  # noqa: BLE001 - the thread goes on, whatever a broken registry makes of a question
            self._say(error, when)
            return
        known = self._now.knowledge
        if known.problem is not None:
            _LOG.info("The registry is whole again")
        stops = suspended.in_effect(known.suspended, trusted, self._now.served)
        suspended.log_changes(known.suspended, stops)
        known = replace(known, checked_at=when, problem=None, problem_since=None, suspended=stops)
        self._now = replace(
            self._now,
            versions=trusted.versions,
            aliases=frozenset(trusted.moves),
            knowledge=known,
            stopped=suspended.stopped_versions(trusted),
            previous=suspended.still_answering(self._now.previous, stops),
        )
        for alias in sorted(self._settings.aliases, key=lambda each: each != self._settings.alias):
            self._follow(alias, trusted)
        self._follow_stops(trusted)
        self._look_at_bundles()

    def _run(self) -> None:
        while not self._stopped.wait(self._settings.poll_seconds):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the thread goes on
                _LOG.exception("The registry could not be followed")

    def _follow_stops(self, trusted: Trusted) -> None:
        """Let aliases answer again that were resumed, and holders before answer for those that are suspended."""

        def load(place: str, event: str, bundle: Bundle) -> ServedModel | NotLoadable:
            return self._loading.get(place, event, bundle, self._loaded())

        before = self._now.knowledge.suspended
        stops = suspended.in_effect(before, trusted, self._now.served)
        suspended.log_changes(before, stops)
        previous = suspended.answering(self._now.previous, stops, self._settings.aliases, load)
        self._now = replace(self._now, previous=previous, knowledge=replace(self._now.knowledge, suspended=stops))

    def _say(self, error: Exception, when: datetime) -> None:
        known = self._now.knowledge
        text = str(error) if isinstance(error, MlregError) else f"{type(error).__name__}: {error}"
        if known.problem is None:
            _LOG.error("The registry can't be followed; the last good models are served on. %s", text)
        since = known.problem_since or when
        self._now = replace(self._now, knowledge=replace(known, problem=text, problem_since=since))

    def _follow(self, alias: str, trusted: Trusted) -> None:
        move, held = trusted.moves.get(alias), self._now.served.get(alias)
        if move is None:
            if held is not None:
                _LOG.warning("%s has no holder any more", alias)
            self._serve(alias, None)
            return
        event = rollouts.if_open(trusted.traffic.get(alias))
        is_held = held is not None and (held.sequence, held.model.sha256) == (move.sequence, move.artifact_sha256)
        noted = self._now.knowledge.not_taken.get(alias)
        if is_held and noted is not None and noted.sequence != move.sequence:
            self._take_note(alias, None)  # a later move was taken back before it could be followed
        if held is not None and is_held and rollouts.is_followed(held, event):
            return
        started = time.monotonic()
        alone = held if is_held else self._taken(alias, move)
        is_taken = alone is not None
        if (alone := alone or held) is None:
            return

        def part(name: str, bundle: Bundle) -> ServedModel | NotLoadable:
            return self._loading.get(f"{alias} {name}", str(event.rollout) if event else "", bundle, self._loaded())

        served = rollouts.with_rollout(alone, event, part)
        if not rollouts.is_same(served, held):
            self._serve(alias, served, is_taken=is_taken)
            _log_served(served, held, time.monotonic() - started)

    def _taken(self, alias: str, move: AliasEvent) -> Served | None:
        """What an alias means by a move; None where that can't be loaded, which is noted."""
        model = self._loading.get(alias, str(move.sequence), move, self._loaded())
        if isinstance(model, NotLoadable):
            self._refuse(alias, move, model.why)
            return None
        return Served(alias, alias, move.sequence, move.effective_at, model)

    def _serve(self, alias: str, served: Served | None, *, is_taken: bool = True) -> None:
        """Replace what an alias means, and how its traffic is split, in one assignment."""
        others = {name: each for name, each in self._now.served.items() if name != alias}
        together = others | ({alias: served} if served is not None else {})
        noted = {name: each for name, each in self._now.knowledge.not_taken.items() if name != alias or not is_taken}
        known = replace(self._now.knowledge, ready=self._settings.alias in together, not_taken=noted)
        self._now = replace(self._now, served=together, knowledge=known)

    def _refuse(self, alias: str, move: AliasEvent, why: str) -> None:
        known = self._now.knowledge.not_taken.get(alias)
        if known is None or (known.version, known.sequence) != (move.version, move.sequence):
            _LOG.error("%s is %s (move %d), which can't be loaded. %s", alias, move.version, move.sequence, why)
        is_same = known is not None and known.sequence == move.sequence
        since = known.since if known is not None and is_same else datetime.now(UTC)
        self._take_note(alias, NotTaken(move.version, move.sequence, since, why))

    def _take_note(self, alias: str, found: NotTaken | None) -> None:
        others = {name: each for name, each in self._now.knowledge.not_taken.items() if name != alias}
        noted = others | ({alias: found} if found is not None else {})
        self._now = replace(self._now, knowledge=replace(self._now.knowledge, not_taken=noted))

    def _loaded(self) -> list[ServedModel]:
        """All models that are loaded, under whichever name."""
        return [*_of_aliases(self._now), *self._versions.loaded()]

    def _load(self, bundle: scoring.Registered) -> ServedModel:
        return scoring.load(self._store, bundle, self._settings.walk_from_rows)

    def _look_at_bundles(self) -> None:
        """Say which model that is served could not be loaded again; a store that is far away is not read for this."""
        if self._store.local is None or time.monotonic() - self._bundles_at < _BUNDLES_EVERY_S:
            return
        for alias, each in self._now.served.items():
            noted = self._now.knowledge.not_taken.get(alias)
            if noted is not None and noted.sequence != each.sequence:
                continue  # what it should serve is known to be wrong
            try:
                self._store.read(MODELS, each.model.version, each.model.sha256)
            except MlregError as error:
                since = noted.since if noted is not None else datetime.now(UTC)
                why = f"{error} It is served from memory, and would be lost in a restart."
                self._take_note(alias, NotTaken(each.model.version, each.sequence or 0, since, why))
            else:
                self._take_note(alias, None)
        self._bundles_at = time.monotonic()


def _of_aliases(now: _Now) -> list[ServedModel]:
    return [model for served in (*now.served.values(), *now.previous.values()) for model in rollouts.models_of(served)]


def _log_served(served: Served, before: Served | None, seconds: float) -> None:
    """Log what has changed of an alias."""
    name, rollout = served.name, served.rollout
    if before is None or served.sequence != before.sequence or served.model is not before.model:
        _LOG.info("%s is %s (move %d), loaded in %.2f s", name, served.model.version, served.sequence, seconds)
    if rollout is None:
        if before is not None and before.rollout is not None:
            _LOG.info("The rollout of %s is over", before.rollout.candidate_version)
        return
    change = (rollout.candidate_version, rollout.state, rollout.weight / 100, name, rollout.sequence)
    _LOG.info("%s is in %s, with %g %% of the traffic of %s (change %d)", *change)
    if rollout.unloadable is not None:
        _LOG.error("%s can't be loaded; the champion answers alone. %s", rollout.candidate_version, rollout.unloadable)
