"""What a version costs, and what smaller variants of it would cost and lose, on the same holdout.

Nothing is fitted, stored or registered here. A variant is held against its version as two versions are: flags by the
flag policy of each on the same rows, average precision at finding the same planted anomalies, paired, with an interval.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.names import scorer_of
from mlreg_dagster.models.evaluation.comparison import compare
from mlreg_dagster.models.evaluation.rounds import PlantedRound, average_precision_by_kind, mean_over_kinds
from mlreg_dagster.models.evaluation.statistics import Verdict
from mlreg_dagster.models.manifests import VARIANT
from mlreg_dagster.models.optimisation.making import VariantOfAVariant, make_variant
from mlreg_dagster.models.optimisation.profile import (
    ROWS,
    Part,
    reading_parts,
    rows_like,
    scored,
    scoring_parts,
    slowest,
)
from mlreg_dagster.models.optimisation.timing import side_by_side
from mlreg_dagster.models.optimisation.variants import CHANGES, NotForThisKind
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore

Note = Callable[[str], object]

STEPS = 1 + len(ROWS) + len(CHANGES)
"""How often a report notes what it does next."""


class NothingToScore(MlregError):
    """A holdout without rows, on which nothing can be timed or compared."""


@dataclass(frozen=True)
class LatencyRatio:
    """How long a variant takes for so many rows, as a share of what its version takes.

    Attributes:
        rows: How many.
        ratio: Of the medians of calls in turn.
        repeats: Of each.
    """

    rows: int
    ratio: float
    repeats: int


@dataclass(frozen=True)
class Variant:
    """What a change would save and cost; or why there is no such variant.

    Attributes:
        change: Its name.
        meaning: What it leaves of the model.
        reason: Why it is not for this kind of detector; empty where it is.
        bytes: Of its bundle.
        size_ratio: Of its bundle to that of the version.
        latency: Of the same rows, likewise.
        label_flips: Share of the holdout rows whose flag changes.
        average_precision: At finding planted anomalies; None where none could be planted.
        loss: How much less that is than the version's; below 0 where it is more.
        low: Lower end of the interval of the loss; None where it can't be told.
        high: The upper end.
        verdict: Of the variant against its version.
        detail: The verdict in words.
    """

    change: str
    meaning: str
    reason: str = ""
    bytes: int | None = None
    size_ratio: float | None = None
    latency: tuple[LatencyRatio, ...] = ()
    label_flips: float | None = None
    average_precision: float | None = None
    loss: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Verdict | None = None
    detail: str = ""

    @property
    def is_made(self) -> bool:
        """Whether the detector admits it."""
        return not self.reason


@dataclass(frozen=True)
class OptimisationReport:
    """The report on a version.

    Attributes:
        version: Which one.
        detector: Its kind.
        scorer: What scores its rows.
        variant: Of which version it is a variant itself, and by which change; None of others.
        files: Bytes of each file of its bundle.
        parts: Of reading it, and of scoring each number of rows.
        holdout: Day of the holdout.
        holdout_rows: How many rows flags are compared on.
        rounds: In which anomalies were planted.
        average_precision: Of the version at finding them; None where none could be planted.
        confidence: Of the intervals.
        variants: Every change.
    """

    version: str
    detector: str
    scorer: str
    variant: dict[str, str] | None
    files: dict[str, int]
    parts: tuple[Part, ...]
    holdout: str
    holdout_rows: int
    rounds: int
    average_precision: float | None
    confidence: float
    variants: tuple[Variant, ...]

    @property
    def bytes(self) -> int:
        """Of the bundle."""
        return sum(self.files.values())

    @property
    def sentences(self) -> list[str]:
        """Where the time goes, and which variant is the smallest that is not shown to be worse."""
        sizes = sorted({each.rows for each in self.parts if each.rows is not None})
        part = slowest(self.parts, sizes[len(sizes) // 2])
        where = f"At {part.rows} rows {part.share:.0%} of the time of {self.version} goes into: {part.name}."
        return [where, self._smallest()]

    def _smallest(self) -> str:
        made = [each for each in self.variants if each.is_made]
        if not made:
            reasons = "; ".join(dict.fromkeys(each.reason for each in self.variants))
            return f"No change is for {self.version}: {reasons.rstrip('.')}."
        if self.average_precision is None:
            return "No anomaly could be planted into the holdout, so what variants lose can't be told."
        # the size decides; a loss that is shown rules out, one that can't be told is named with its interval
        kept = [each for each in made if each.verdict != "worse" and (each.size_ratio or 1) < 1]
        if not kept:
            return f"Every smaller variant of {self.version} is shown to find less, or none is smaller."
        best = min(kept, key=lambda each: each.bytes or 0)
        told = (
            "its interval can't be told"
            if best.low is None or best.high is None
            else f"{self.confidence:.0%} interval {best.low:+.4f} to {best.high:+.4f}"
        )
        return (
            f"The smallest variant that is not shown to find less is {best.change}: {best.size_ratio:.0%} of the size, "
            f"{best.label_flips:.2%} of the flags change, loss of average precision {best.loss:+.4f} ({told})."
        )


def report_on(
    version: ModelVersion,
    store: ArtifactStore,
    training: Dataset,
    holdout: Dataset,
    rounds: Sequence[PlantedRound],
    settings: ComparisonSettings,
    *,
    seconds: float = 2.0,
    sizes: Sequence[int] | None = None,
    note: Note = lambda _: None,
) -> OptimisationReport:
    """Profile a version and its variants.

    Args:
        version: Its record.
        store: Where its bundle is.
        training: The dataset that it was trained on: variants look up their thresholds in it.
        holdout: Of the same day.
        rounds: Anomalies planted into it.
        settings: Of the intervals.
        seconds: Budget of each measurement of time.
        sizes: Numbers of rows that are timed; None: `profile.ROWS`.
        note: Called with each step, in words.

    Raises:
        NothingToScore: The holdout has no rows.
        CannotTrain: The dataset is not the one that it was trained on.
    """
    if holdout.rows.empty:
        raise NothingToScore(f"Holdout {holdout.day} has no rows to score. Choose a version of another dataset.")
    model = artifact.load(store, version.version, version.artifact_sha256)
    rows = {count: rows_like(holdout, count) for count in sizes or ROWS}
    note("reading and opening the bundle")
    parts = reading_parts(version, store, model, seconds)
    for count, each in rows.items():
        note(f"scoring {count:,} rows")
        parts += scoring_parts(model, each, seconds)
    bundle = store.read(artifact.MODELS, version.version, version.artifact_sha256)
    files = {name: len(content) for name, content in bundle.items()}
    held = _HeldAgainst(model, sum(files.values()), rows, holdout, list(rounds), settings, seconds)
    variants = []
    for change in CHANGES:
        note(f"variant {change}")
        try:
            made = make_variant(version.version, model, version.version, change, training)
        except (NotForThisKind, VariantOfAVariant) as reason:
            variants.append(Variant(change, CHANGES[change], str(reason)))
        else:
            variants.append(held.variant(change, made))
    precision = average_precision_by_kind(model, model.score, rounds)
    return OptimisationReport(
        version=version.version,
        detector=version.detector,
        scorer=scorer_of(version.detector),
        variant=model.manifest.get(VARIANT),
        files=files,
        parts=tuple(parts),
        holdout=holdout.day,
        holdout_rows=len(holdout.rows),
        rounds=len(rounds),
        average_precision=mean_over_kinds(precision) if precision else None,
        confidence=settings.confidence,
        variants=tuple(variants),
    )


@dataclass(frozen=True)
class _HeldAgainst:
    """A version and what its variants are held against."""

    model: Model
    size: int
    rows: Mapping[int, pd.DataFrame]
    holdout: Dataset
    rounds: list[PlantedRound]
    settings: ComparisonSettings
    seconds: float

    def variant(self, change: str, made: Model) -> Variant:
        size = sum(map(len, artifact.files_of(str(made.manifest["version"]), made).values()))
        found = compare(made, self.model, self.holdout, self.rounds, self.settings)
        return Variant(
            change,
            CHANGES[change],
            bytes=size,
            size_ratio=size / self.size,
            latency=tuple(self._latency(made, count, rows) for count, rows in self.rows.items()),
            label_flips=1 - found.agreement,
            average_precision=found.average_precision[0],
            loss=_less(found.difference),
            low=_less(found.high),
            high=_less(found.low),
            verdict=found.verdict,
            detail=found.reason,
        )

    def _latency(self, made: Model, count: int, rows: pd.DataFrame) -> LatencyRatio:
        small, whole = side_by_side([lambda: scored(made, rows), lambda: scored(self.model, rows)], self.seconds)
        return LatencyRatio(count, small.median_ms / whole.median_ms, whole.repeats)


def _less(difference: float | None) -> float | None:
    """How much less the left one of two has."""
    return None if difference is None else 0.0 - difference
