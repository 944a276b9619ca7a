"""What the newest change of the traffic of an alias means for a server: who the two versions are, and which it has.

Which of them answers a request is in `serving.rollout.routing`.
"""

from collections.abc import Callable
from dataclasses import replace

from mlreg_dagster.registry.records.traffic import WHOLE, TrafficEvent
from mlreg_dagster.serving.following.loading import NotLoadable
from mlreg_dagster.serving.following.names import Bundle, Served, ServedRollout
from mlreg_dagster.serving.scoring.model import ServedModel

Load = Callable[[str, Bundle], ServedModel | NotLoadable]
"""Gets a version for a part of a rollout: `candidate`, or `former` for the champion that it has replaced."""


def if_open(event: TrafficEvent | None) -> TrafficEvent | None:
    """The newest change, where its rollout goes on."""
    return event if event is not None and event.is_open else None


def is_followed(served: Served, event: TrafficEvent | None) -> bool:
    """Whether an alias is served by the newest change of its traffic already."""
    if served.rollout is None or event is None:
        return served.rollout is None and event is None
    return served.rollout.sequence == event.sequence and served.rollout.candidate is not None


def with_rollout(served: Served, event: TrafficEvent | None, load: Load) -> Served:
    """What an alias means, with its rollout.

    A rollout of other versions than the one that is served is none: then the last good version answers alone, until its
    successor can be loaded.

    Args:
        served: What the alias means by itself.
        event: The newest change of its traffic; None: no rollout is open.
        load: Gets the versions of the rollout.
    """
    alone = replace(served, rollout=None, arm=None)
    if event is None:
        return alone
    has_all = event.weight == WHOLE and _is(served.model, event.candidate, event.candidate_sha256)
    if not has_all and not _is(served.model, event.champion, event.champion_sha256):
        return alone
    candidate = served.model if has_all else load("candidate", Bundle(event.candidate, event.candidate_sha256))
    former = load("former", Bundle(event.champion, event.champion_sha256)) if has_all else None
    rollout = ServedRollout(
        rollout=event.rollout,
        sequence=event.sequence,
        state=event.state,
        weight=event.weight,
        shadow=event.shadow,
        salt=event.salt,
        candidate=None if isinstance(candidate, NotLoadable) else candidate,
        unloadable=candidate.why if isinstance(candidate, NotLoadable) else None,
        candidate_version=event.candidate,
        champion=former if isinstance(former, ServedModel) else None,
    )
    return replace(served, rollout=rollout, arm="candidate" if has_all else "champion")


def models_of(served: Served) -> list[ServedModel]:
    """All versions that are loaded for an alias."""
    rollout = served.rollout
    found = [served.model, *([rollout.candidate, rollout.champion] if rollout is not None else [])]
    return [each for each in found if each is not None]


def is_same(served: Served, other: Served | None) -> bool:
    """Whether two are the same version by the same move, with the same rollout."""
    return other is not None and _identity(served) == _identity(other)


def _identity(served: Served) -> tuple[object, ...]:
    rollout = served.rollout
    of_rollout = None if rollout is None else (rollout.sequence, rollout.candidate is None, rollout.unloadable)
    return served.sequence, served.model.version, served.model.sha256, of_rollout


def _is(model: ServedModel, version: str, sha256: str) -> bool:
    return (model.version, model.sha256) == (version, sha256)
