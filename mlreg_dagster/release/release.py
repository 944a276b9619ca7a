"""Takes all steps of a release in their order; a step that fails does not hide those after it. Nothing is moved."""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from mlreg_dagster.config.sections.release import ReleaseSettings
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import AliasEvent, Attribution, Evaluation, ModelVersion, Registry
from mlreg_dagster.release import policy
from mlreg_dagster.release.performance import PERFORMANCE, performance, without_champion
from mlreg_dagster.release.policy import APPROVALS, GATES, Evidence, evidence_on
from mlreg_dagster.release.rollout import ROLLOUT, can_start
from mlreg_dagster.release.rows import holdout_rows
from mlreg_dagster.release.smoke import SMOKE, smoke
from mlreg_dagster.release.steps import Release, Step, taken
from mlreg_dagster.serving.scoring import model as serving_model
from mlreg_dagster.storage.artifacts import ArtifactStore


class NothingToRelease(MlregError):
    """The version is the champion already."""


@dataclass(frozen=True)
class Candidate:
    """A version that is to be released, and where everything about it is.

    Attributes:
        version: Which.
        registry: What is on record.
        store: The bundles and holdouts.
        home: For the server of the smoke test.
        settings: All files.
        release: The limits of the steps.
        files: What promotions are judged by, as the files have it.
        by: Who releases it, and when.
    """

    version: ModelVersion
    registry: Registry
    store: ArtifactStore
    home: Path
    settings: Settings
    release: ReleaseSettings
    files: Rules
    by: Attribution

    @cached_property
    def champion(self) -> AliasEvent | None:
        """The move by which the champion holds its alias."""
        return self.registry.holder(CHAMPION)

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """The newest evaluation, passed or not."""
        return self.registry.latest_evaluation(self.version.version)

    @cached_property
    def evidence(self) -> Evidence:
        """What the policy judges by; see `evidence_on`."""
        dossier = self.registry.dossier(self.version.version, CHAMPION)
        return evidence_on(self.registry, dossier, self.files, self.by)


def check_release(candidate: Candidate, *, unapproved: bool = False, rolled_out: bool = True) -> Release:
    """Take every step; of the last one, whether a rollout could start.

    Args:
        candidate: Which version.
        unapproved: Leave the approvals out: the version stands for a change that is under review itself.
        rolled_out: Whether it is to be rolled out where it is registered; a copy of a home rolls nothing out.

    Raises:
        NothingToRelease: It is the champion.
    """
    champion, version = candidate.champion, candidate.version.version
    if champion is not None and champion.version == version:
        raise NothingToRelease(f"{version} is the champion already. Release a version that is to replace it.")
    steps = {GATES: _gates, PERFORMANCE: _performance, SMOKE: _smoke, APPROVALS: _approvals, ROLLOUT: _rollout}
    left_out = {APPROVALS: unapproved, ROLLOUT: not rolled_out}
    found = [taken(name, partial(step, candidate)) for name, step in steps.items() if not left_out.get(name)]
    return Release(version, champion.version if champion else None, tuple(found))


def _gates(candidate: Candidate) -> Step:
    return policy.gates(candidate.evidence)


def _approvals(candidate: Candidate) -> Step:
    return policy.approvals(candidate.evidence)


def _rollout(candidate: Candidate) -> Step:
    return can_start(candidate.registry, candidate.champion, candidate.version.version)


def _performance(candidate: Candidate) -> Step:
    if candidate.champion is None:
        return without_champion()
    registry, store, settings = candidate.registry, candidate.store, candidate.settings
    champion = registry.version(candidate.champion.version)
    models = [
        serving_model.load(store, version, settings.serving.walk_from_rows) for version in (candidate.version, champion)
    ]
    rows = holdout_rows(store, candidate.version, candidate.evaluation, max(candidate.release.rows))
    return performance(models[0], models[1], rows, candidate.release, settings.serving)


def _smoke(candidate: Candidate) -> Step:
    release = candidate.release
    rows = holdout_rows(candidate.store, candidate.version, candidate.evaluation, max(release.rows))
    return smoke(candidate.home, candidate.version, rows, candidate.settings, release)
