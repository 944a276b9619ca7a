"""A version that is served: its bundle, verified, as something that scores, places and explains rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import FROZEN, FlaggingSettings
from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts.files import GRAPH, MANIFEST, MODELS
from mlreg_dagster.models.manifests import flagging_in, require_readable, start_up_in
from mlreg_dagster.serving.scoring.reasons import Explainer, Reason
from mlreg_dagster.serving.scoring.scorer import Scorer, open_scorer
from mlreg_dagster.storage.artifacts import ArtifactStore

_BY_DEFAULT = ReasonSettings()


class Registered(Protocol):
    """A version and its hash, as a record of the registry holds them."""

    @property
    def version(self) -> str:
        """Its name."""

    @property
    def artifact_sha256(self) -> str:
        """The hash that its bundle must have."""


class NotServable(MlregError):
    """A version that the server can't score by: without a graph, or with a manifest that can't be read."""


class NoFiniteScore(MlregError):
    """Rows that lie so far out that they have no finite score."""


@dataclass(frozen=True)
class ServedModel:
    """A version, ready to answer; it is never changed, and several threads may use it at once.

    Attributes:
        version: Its name.
        sha256: The hash of its bundle, by which it was verified.
        features: Names of the columns that it takes, in their order.
        manifest: How it was made.
        policy: Its flag policy.
        frozen_threshold: That of its training rows.
        training_quantiles: Of its training scores, evenly spaced from the lowest to the highest; None where the
            manifest remembers none: that of a frozen threshold, or of an earlier release.
        rows_an_hour: Training rows by hours of the training window; None where the manifest does not remember it.
    """

    version: str
    sha256: str
    features: tuple[str, ...]
    manifest: Mapping[str, Any]
    policy: FlaggingSettings
    frozen_threshold: float
    training_quantiles: NDArray[np.float64] | None
    rows_an_hour: float | None
    _scorer: Scorer = field(repr=False)

    def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """The anomaly score of each row, higher = more anomalous: that of the pipeline.

        Args:
            X: rows x features, in the model's order; NaN stands for a null.

        Raises:
            NoFiniteScore: A row lies too far out.
        """
        scores = self._scorer.score(X)
        if not np.isfinite(scores).all():
            rows = np.flatnonzero(~np.isfinite(scores))
            raise NoFiniteScore(
                f"{len(rows)} of {len(X)} rows, the first of them row {rows[0]} (counted from 0), lie so far out that "
                f"{self.version} has no finite score for them. Check the units of their values."
            )
        return scores

    @cached_property
    def training_threshold(self) -> float:
        """The threshold by the training rows alone: the frozen one, or the quantile above which the budget lies."""
        policy = self.policy
        if policy.policy == FROZEN.policy or self.training_quantiles is None:
            return self.frozen_threshold
        budget = policy.budget
        if policy.policy == "top_k" and policy.k is not None and self.rows_an_hour:
            budget = min(policy.k / self.rows_an_hour, 1.0)
        return float(np.interp(1 - budget, self._levels, self.training_quantiles))

    @cached_property
    def _levels(self) -> NDArray[np.float64]:
        return np.linspace(0, 1, len(self.training_quantiles) if self.training_quantiles is not None else 0)

    def quantile_of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the training scores that do not exceed each score, 0 to 1; NaN where that is unknown."""
        if self.training_quantiles is None:
            return np.full(len(scores), np.nan)
        return np.asarray(np.interp(scores, self.training_quantiles, self._levels))

    def reasons(
        self,
        X: NDArray[np.float64],
        scores: NDArray[np.float64],
        ids: Sequence[str],
        settings: ReasonSettings = _BY_DEFAULT,
    ) -> list[list[Reason]]:
        """Why each row has its score, as in `prediction_reasons`: the families that raised it most, and the remainder.

        Args:
            X: rows x features.
            scores: Of these rows, by `score`.
            ids: A name for each row; by `attribution.row_id` where it is one of `market_features`, so that its
                reasons are those of `prediction_reasons`.
            settings: Of outcomes.yaml.

        Raises:
            NoReasons: The manifest remembers nothing to compare with, or reasons are switched off.
        """
        return Explainer(self.version, self.features, self.manifest, settings).explain(self.score, X, scores, ids)


def load(store: ArtifactStore, version: Registered, walk_from_rows: int) -> ServedModel:
    """Read a version whose hash the registry vouches for, verify it, and make it ready.

    Args:
        store: Where the bundles are.
        version: As the registry has it: a version, or the move of an alias to it.
        walk_from_rows: Rows from which a forest is walked by compiled code.

    Raises:
        ArtifactMissing, ArtifactTampered: The bundle is not there, or its bytes are not those that were registered.
        NotServable: It has no graph, or no manifest of a model.
        UntrustedGraph: Its graph is damaged, or does what no graph of a model needs to.
    """
    name, sha256 = version.version, version.artifact_sha256
    files = store.read(MODELS, name, sha256)
    manifest = _manifest(files.get(MANIFEST, b""), name)
    if GRAPH not in files:
        why = str(manifest.get("graph", "it was frozen before there were graphs")).rstrip(".")
        raise NotServable(
            f"{name} can't be served, for it has no {GRAPH}: {why}. The server scores by graphs alone. The hourly "
            f"predictions score this version; serve one of a detector that has a graph."
        )
    features, start = tuple(manifest["features"]), start_up_in(manifest)
    return ServedModel(
        version=name,
        sha256=sha256,
        features=features,
        manifest=manifest,
        policy=flagging_in(manifest),
        frozen_threshold=float(manifest["threshold"]),
        training_quantiles=start.quantiles if start else None,
        rows_an_hour=start.rows_an_hour if start else None,
        _scorer=open_scorer(files[GRAPH], name, features, walk_from_rows),
    )


def _manifest(content: bytes, version: str) -> Mapping[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        require_readable(manifest)
        if manifest["version"] != version:
            raise ValueError(f"it is that of {manifest['version']}")
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NotServable(f"{version} can't be served: it has no manifest of a model ({error}).") from error
    return manifest
