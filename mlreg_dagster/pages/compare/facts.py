"""What the pages of a comparison show."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.evidence.compared.differences import Differences, GatePair, differences_of, gates_side_by_side
from mlreg_dagster.evidence.compared.hours import Stretch, stretches
from mlreg_dagster.governance.standing import Badge, VersionStanding, standings
from mlreg_dagster.models.manifests import SWEEP, name_in
from mlreg_dagster.pages.compare.computed import Computed, HoldoutFacts, holdout_of, on_holdout, on_record
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View


@dataclass(frozen=True)
class Side:
    """A version of the two.

    Attributes:
        version: Its name.
        asked: What was asked for: the version itself, `latest`, an alias.
        registered_at: When it was registered.
        detector: Which detector.
        dataset_day: Day of its training dataset.
        artifact_sha256: The hash of its artifact.
        sweep: The sweep that it is of; None: of none.
        status: By the evaluation that counts.
        badges: What it is and was.
    """

    version: str
    asked: str
    registered_at: datetime
    detector: str
    dataset_day: str
    artifact_sha256: str
    sweep: str | None
    status: str
    badges: tuple[Badge, ...]


@dataclass(frozen=True)
class CompareFacts:
    """Two versions.

    Attributes:
        left: One of them.
        right: The other one.
        names: All versions, the newest first.
        same: Whether both are one version.
        differences: In settings, data, features and software, from left to right.
        gates: In the evaluations that count.
        holdout: The holdout that both are scored on.
        on_holdout: Both on its rows, and on the anomalies planted into it: left against right.
        on_record: Attempts at the gates, the contest on outcomes of both, and worth: left against right.
    """

    left: Side
    right: Side
    names: tuple[str, ...]
    same: bool
    differences: Differences
    gates: tuple[GatePair, ...]
    holdout: HoldoutFacts
    on_holdout: Computed
    on_record: Computed

    @property
    def stretches(self) -> dict[str, list[Stretch]]:
        """The hours that differ, as stretches without a gap."""
        hours = self.differences.hours
        if hours is None:
            return {}
        return {name: stretches(getattr(hours, name)) for name in ("added", "dropped", "changed")}


@dataclass(frozen=True)
class FormFacts:
    """What there is to compare.

    Attributes:
        names: All versions, the newest first, then the aliases.
        left: The one that is proposed.
        right: The other one that is proposed.
        chosen: The comparison, where both were chosen.
    """

    names: tuple[str, ...]
    left: str | None
    right: str | None
    chosen: CompareFacts | None


def form_facts(view: View) -> FormFacts:
    """The form, and below it the comparison that it asks for."""
    stands = standings(view.registry, view.as_of)
    versions = [each.version.version for each in reversed(stands.versions)]
    left, right = (view.query.get(name) or None for name in ("left", "right"))
    names = (*versions, *stands.aliases)
    if left and right:
        return FormFacts(names, left, right, facts(view, left, right))
    champion = next((each.version.version for each in stands.versions if "champion" in each.aliases), None)
    return FormFacts(names, left or next(iter(versions), None), right or champion, None)


def facts(view: View, left: str, right: str) -> CompareFacts:
    """Two versions against each other.

    Args:
        view: What is asked about; its query may name the day of a `holdout`.
        left: `v7`, `latest`, `latest-1`, or an alias as of the time that is asked about.
        right: The same.

    Raises:
        UnknownVersion: One of them leads to no version, or to none that was there then.
    """
    registry, stands = records(view), standings(view.registry, view.as_of)
    found = [registry.resolve(each, view.as_of) for each in (left, right)]
    standing = [stands.of(each.version) for each in found]
    before, after = found
    of_left, of_right = standing
    if of_left is None or of_right is None:
        raise NotThere("One of the versions was not registered yet.")
    holdout, chosen = holdout_of(view)
    return CompareFacts(
        left=_side(of_left, left),
        right=_side(of_right, right),
        names=tuple(each.version.version for each in reversed(stands.versions)),
        same=before.version == after.version,
        differences=differences_of(before, after, view.artifacts),
        gates=tuple(gates_side_by_side(of_left.evaluation, of_right.evaluation)),
        holdout=chosen,
        on_record=on_record(before.version, after.version, view),
        on_holdout=on_holdout(before, after, holdout, view),
    )


def _side(standing: VersionStanding, asked: str) -> Side:
    version = standing.version
    return Side(
        version.version,
        asked,
        version.created_at,
        version.detector,
        version.dataset_day,
        version.artifact_sha256,
        name_in(version.manifest, SWEEP),
        standing.status,
        standing.badges,
    )
