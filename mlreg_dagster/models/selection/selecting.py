"""Proposes a list of features for a model file, and says what is known of it: importance, stability, an ablation.

A family is kept that is shown to be needed, and is among the first half of them in most refits. The list is then held
against all features. Where nothing is told apart, that is the result; a list that is shown to find less is never
proposed. Nothing is registered: a version of the list is trained and passes gates like any other.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.families import families_named
from mlreg_dagster.models.folds.seeds import own_seeds
from mlreg_dagster.models.selection.ablation import Ablation, Judged, ablate
from mlreg_dagster.models.selection.folds import CannotSelect, Seeds, make_folds
from mlreg_dagster.models.selection.permuting import Drops, drops_by_family, rank_correlation, top_shares
from mlreg_dagster.models.training import NOT_FEATURES, CannotTrain

Outcome = Literal["proposed", "nothing can be told", "finds less", "all are needed"]
Note = Callable[[str], object]

STABLE_SHARE = 0.6
"""Share of refits in which a family that is kept is among the first half."""


@dataclass(frozen=True)
class Family:
    """A family of features, and what permuting it costs.

    Attributes:
        family: Its name.
        features: Its members.
        drop: In average precision at finding planted anomalies.
        low: Lower end of its interval; None where it can't be told.
        high: The upper end.
        worth_drop: In the share of crashes among what is flagged; None where no crash is known.
        worth_low: Lower end of its interval.
        worth_high: The upper end.
        top_share: In how many of the refits and folds it is among the first half of the families.
        kept: Whether it is shown to be needed and stable.
    """

    family: str
    features: tuple[str, ...]
    drop: float
    low: float | None
    high: float | None
    worth_drop: float | None
    worth_low: float | None
    worth_high: float | None
    top_share: float
    kept: bool


@dataclass(frozen=True)
class Selection:
    """What is proposed, and why.

    Attributes:
        model: The model file.
        detector: Its kind.
        dataset_day: Of the training dataset.
        folds: First and last hour of each.
        planting_seeds: Of the anomalies that families are chosen by.
        ablation_seeds: Of those that lists are held against all features by.
        rounds: Of planting, over all folds.
        refits: To halves of each fold.
        top: How many families the first half are.
        confidence: Of the intervals.
        crashes: Known in the folds.
        rank_correlation: Of the order of the families in two refits, on average; None where there is none.
        families: The one that costs most first.
        outcome: What came out.
        sentence: The same in words.
        features: What is proposed for the model file; None: every feature, as it is.
        ablation: All features, the proposed ones, and all without each family.
    """

    model: str
    detector: str
    dataset_day: str
    folds: tuple[tuple[str, str], ...]
    planting_seeds: tuple[int, ...]
    ablation_seeds: tuple[int, ...]
    rounds: int
    refits: int
    top: int
    confidence: float
    crashes: int
    rank_correlation: float | None
    families: tuple[Family, ...]
    outcome: Outcome
    sentence: str
    features: tuple[str, ...] | None
    ablation: tuple[Ablation, ...]


def features_of(dataset: Dataset, model: ModelSettings) -> list[str]:
    """The features that can be selected: those of the model file, or all of the dataset.

    Raises:
        CannotTrain: The file names features that the dataset does not have.
    """
    there = [str(name) for name in dataset.rows.columns if name not in NOT_FEATURES]
    if unknown := [name for name in model.features or () if name not in there]:
        raise CannotTrain(
            f"The model file names features that dataset {dataset.day} does not have: {', '.join(unknown)}."
        )
    return there if model.features is None else list(model.features)


def family_of_each(dataset: Dataset, features: Sequence[str]) -> dict[str, str]:
    """The family of each feature, in their order, as reasons and importance name it."""
    return dict(zip(features, families_named(features, dataset.lineage["feature_settings"]), strict=True))


def members_of(families: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The features of each family, in their order.

    Args:
        families: That of each feature.
    """
    return {
        family: tuple(name for name, each in families.items() if each == family)
        for family in dict.fromkeys(families.values())
    }


def select_features(
    dataset: Dataset,
    market: pd.DataFrame,
    name: str,
    settings: Settings,
    *,
    folds: int = 3,
    seeds: int = 2,
    refits: int = 5,
    gates: Collection[int] = (),
    note: Note = lambda _: None,
) -> Selection:
    """Measure, propose, and hold the proposal against all features.

    Args:
        dataset: A training dataset.
        market: Snapshots of `folds.market_window`.
        name: The model file.
        settings: The configuration.
        folds: Days of the training window that are judged, each by what was known before it.
        seeds: Planting seeds of each.
        refits: To halves of each fold.
        gates: Planting seeds of the policy in force, beside those of evaluation.yaml.
        note: Called with each step, in words.

    Raises:
        CannotSelect: There are too few hours, or families, or nothing could be planted.
        CannotTrain: A fold has too few rows.
    """
    model = settings.model(name)
    features = features_of(dataset, model)
    named = family_of_each(dataset, features)
    members = members_of(named)
    if len(members) < 2:
        raise CannotSelect(
            f"{name}.yaml has features of one family alone, {', '.join(members)}: nothing can be left out."
        )
    note("planting anomalies into the folds")
    planting = own_seeds({*settings.evaluation.injection.all_seeds, *gates}, 2 * seeds)
    parts = make_folds(dataset, market, model, settings, folds, Seeds(planting[:seeds], planting[seeds:]))
    note("permuting each family in each refit")
    drops = drops_by_family(parts.choosing, named, model, refits)
    top = (len(members) + 1) // 2
    confidence = settings.evaluation.comparison.confidence
    families = _families(members, drops, top, confidence)
    kept = tuple(each for each in features if any(each in family.features and family.kept for family in families))
    judged = Judged(parts.judging, model, settings.evaluation.comparison)
    lists = _lists(features, members, kept)
    ablation = tuple(ablate(judged, lists, note))
    outcome, sentence = _told(families, kept, features, {each.name: each for each in ablation}, confidence)
    return Selection(
        model=name,
        detector=model.detector,
        dataset_day=dataset.day,
        folds=tuple(
            (fold.split.judged.first.isoformat(), fold.split.judged.end.isoformat()) for fold in parts.choosing
        ),
        planting_seeds=tuple(sorted({each.seed for fold in parts.choosing for each in fold.rounds})),
        ablation_seeds=tuple(sorted({each.seed for fold in parts.judging for each in fold.rounds})),
        rounds=sum(len(fold.rounds) for fold in parts.choosing),
        refits=refits,
        top=top,
        confidence=confidence,
        crashes=int(sum(fold.crashed.sum() for fold in parts.choosing)),
        rank_correlation=rank_correlation(drops),
        families=families,
        outcome=outcome,
        sentence=sentence,
        features=kept if outcome == "proposed" else None,
        ablation=ablation,
    )


def _families(
    members: Mapping[str, tuple[str, ...]], drops: Mapping[str, Drops], top: int, confidence: float
) -> tuple[Family, ...]:
    shares, found = top_shares(drops, top), []
    for family, features in members.items():
        precision, worth = drops[family].in_precision(confidence), drops[family].in_worth(confidence)
        needed = any(low is not None and low > 0 for low in (precision[1], worth[1]))
        kept = needed and shares[family] >= STABLE_SHARE
        found.append(Family(family, features, *precision, *worth, shares[family], kept))
    return tuple(sorted(found, key=lambda each: -each.drop))


def _lists(
    features: Sequence[str], members: Mapping[str, tuple[str, ...]], kept: Sequence[str]
) -> dict[str, Sequence[str]]:
    """What the ablation compares, by name; the first is what all are held against."""
    proposed = {"proposed": kept} if kept and len(kept) < len(features) else {}
    without = {
        f"without {family}": [each for each in features if each not in names] for family, names in members.items()
    }
    return {"all": features, **proposed, **without}


def _told(
    families: Sequence[Family],
    kept: Sequence[str],
    features: Sequence[str],
    ablation: Mapping[str, Ablation],
    confidence: float,
) -> tuple[Outcome, str]:
    if not kept:
        return "nothing can be told", (
            "Nothing can be told: no family of features is shown to be needed in most refits. Keep all of them."
        )
    if len(kept) == len(features):
        return "all are needed", "Every family of features is shown to be needed. Keep all of them."
    shorter = ablation["proposed"]
    ends = "" if shorter.low is None else f", {confidence:.0%} interval {shorter.low:+.4f} to {shorter.high:+.4f}"
    held = f"(difference in average precision {shorter.difference:+.4f}{ends})"
    if shorter.verdict == "worse":
        return (
            "finds less",
            f"The families that are shown to be needed find less alone than all do {held}. Keep all of them.",
        )
    told = "more than" if shorter.verdict == "better" else "not told apart from what"
    names = ", ".join(each.family for each in families if each.kept)
    return "proposed", (
        f"Proposed are the {len(kept)} features of {names}: what they find is {told} all {len(features)} find {held}. "
        f"Train it as a challenger."
    )


def steps(dataset: Dataset, model: ModelSettings) -> int:
    """How often a selection notes what it does next, at most."""
    return 4 + len(members_of(family_of_each(dataset, features_of(dataset, model))))


def fragment(found: Selection) -> list[str]:
    """Lines of YAML for a model file: the proposed features, or every one with the reason."""
    lines = [
        f"# Selected for {found.model}.yaml ({found.detector}) in the training days of dataset {found.dataset_day}.",
        f"# {found.sentence}",
    ]
    if found.features is None:
        return [*lines, "features: null"]
    return [*lines, "features:", *(f"  - {name}" for name in found.features)]
