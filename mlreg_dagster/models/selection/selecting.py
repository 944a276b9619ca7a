"""Proposes a list of features for a model file, and says what is known of it: importance, stability, an ablation.

A group is kept that is shown to be needed, and is among the first half of the groups in most refits. The list is then
held against all features. Where nothing is told apart, that is the result; a list that is shown to find less is not
proposed. Nothing is registered: a version of the list is trained and passes gates like any other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.selection.ablation import Ablation, Judged, ablate
from mlreg_dagster.models.selection.folds import CannotSelect, make_folds
from mlreg_dagster.models.selection.groups import groups_of
from mlreg_dagster.models.selection.permuting import Drops, drops_by_group, rank_correlation, top_shares
from mlreg_dagster.models.training import NOT_FEATURES, CannotTrain

Outcome = Literal["proposed", "nothing can be told", "finds less", "all are needed"]
Note = Callable[[str], object]

STABLE_SHARE = 0.6
"""Share of refits in which a group that is kept is among the first half."""


@dataclass(frozen=True)
class Group:
    """A group of features, and what permuting it costs.

    Attributes:
        group: The base feature.
        features: Its members.
        drop: In average precision at finding planted anomalies.
        low: Lower end of its interval; None where it can't be told.
        high: The upper end.
        worth_drop: In the share of crashes among what is flagged; None where no crash is known.
        worth_low: Lower end of its interval.
        worth_high: The upper end.
        top_share: In how many of the refits and folds it is among the first half of the groups.
        kept: Whether it is shown to be needed and stable.
    """

    group: str
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
        planting_seeds: Of the anomalies that groups are chosen by.
        ablation_seeds: Of those that lists are held against all features by.
        rounds: Of planting, over all folds.
        refits: To halves of each fold.
        top: How many groups the first half are.
        confidence: Of the intervals.
        crashes: Known in the folds.
        rank_correlation: Of the order of the groups in two refits, on average; None where there is none.
        groups: The one that costs most first.
        outcome: What came out.
        sentence: The same in words.
        features: What is proposed for the model file; None: every feature, as it is.
        ablation: All features, the proposed ones, and all without each group.
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
    groups: tuple[Group, ...]
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


def select_features(
    dataset: Dataset,
    market: pd.DataFrame,
    name: str,
    settings: Settings,
    *,
    folds: int = 3,
    seeds: int = 2,
    refits: int = 5,
    note: Note = lambda _: None,
) -> Selection:
    """Measure, propose, and hold the proposal against all features.

    Args:
        dataset: A training dataset.
        market: Snapshots of `folds.market_window`.
        name: The model file.
        settings: The configuration.
        folds: Parts of the training days that are judged, each by what lies before it.
        seeds: Planting seeds of each.
        refits: To halves of each fold.
        note: Called with each step, in words.

    Raises:
        CannotSelect: There are too few hours, or features, or nothing could be planted.
        CannotTrain: A fold has too few rows.
    """
    model = settings.model(name)
    features = features_of(dataset, model)
    members = groups_of(features)
    if len(members) < 2:
        raise CannotSelect(
            f"{name}.yaml has features of one group alone, {', '.join(members)}: nothing can be left out."
        )
    of_each = {feature: group for group, names in members.items() for feature in names}
    note("planting anomalies into the folds")
    parts = list(make_folds(dataset, market, model, settings, folds, seeds))
    parts = [fold for fold in parts if fold.rounds and fold.others]
    if not parts:
        raise CannotSelect(f"No anomaly could be planted into the training days of dataset {dataset.day}.")
    note("permuting each group in each refit")
    drops = drops_by_group(parts, features, [of_each[each] for each in features], model, dataset, refits)
    top = (len(members) + 1) // 2
    confidence = settings.evaluation.comparison.confidence
    groups = _groups(members, drops, top, confidence)
    kept = tuple(each for each in features if any(each in group.features and group.kept for group in groups))
    judged = Judged(parts, model, dataset, settings.evaluation.comparison)
    lists = _lists(features, members, kept)
    ablation = tuple(ablate(judged, lists, note))
    outcome, sentence = _told(groups, kept, features, {each.name: each for each in ablation}, confidence)
    return Selection(
        model=name,
        detector=model.detector,
        dataset_day=dataset.day,
        folds=tuple((fold.first.isoformat(), fold.end.isoformat()) for fold in parts),
        planting_seeds=tuple(sorted({each.seed for fold in parts for each in fold.rounds})),
        ablation_seeds=tuple(sorted({each.seed for fold in parts for each in fold.others})),
        rounds=sum(len(fold.rounds) for fold in parts),
        refits=refits,
        top=top,
        confidence=confidence,
        crashes=int(sum((fold.crashed == 1).sum() for fold in parts)),
        rank_correlation=rank_correlation(drops),
        groups=groups,
        outcome=outcome,
        sentence=sentence,
        features=kept if outcome == "proposed" else None,
        ablation=ablation,
    )


def _groups(
    members: Mapping[str, tuple[str, ...]], drops: Mapping[str, Drops], top: int, confidence: float
) -> tuple[Group, ...]:
    shares, found = top_shares(drops, top), []
    for group, features in members.items():
        precision, worth = drops[group].in_precision(confidence), drops[group].in_worth(confidence)
        needed = any(low is not None and low > 0 for low in (precision[1], worth[1]))
        kept = needed and shares[group] >= STABLE_SHARE
        found.append(Group(group, features, *precision, *worth, shares[group], kept))
    return tuple(sorted(found, key=lambda each: -each.drop))


def _lists(
    features: Sequence[str], members: Mapping[str, tuple[str, ...]], kept: Sequence[str]
) -> dict[str, Sequence[str]]:
    """What the ablation compares, by name; the first is what all are held against."""
    proposed = {"proposed": kept} if kept and len(kept) < len(features) else {}
    without = {f"without {group}": [each for each in features if each not in names] for group, names in members.items()}
    return {"all": features, **proposed, **without}


def _told(
    groups: Sequence[Group],
    kept: Sequence[str],
    features: Sequence[str],
    ablation: Mapping[str, Ablation],
    confidence: float,
) -> tuple[Outcome, str]:
    if not kept:
        return "nothing can be told", (
            "Nothing can be told: no group of features is shown to be needed in most refits. Keep all of them."
        )
    if len(kept) == len(features):
        return "all are needed", "Every group of features is shown to be needed. Keep all of them."
    shorter = ablation["proposed"]
    ends = "" if shorter.low is None else f", {confidence:.0%} interval {shorter.low:+.4f} to {shorter.high:+.4f}"
    held = f"(difference in average precision {shorter.difference:+.4f}{ends})"
    if shorter.verdict == "worse":
        return (
            "finds less",
            f"The groups that are shown to be needed find less alone than all do {held}. Keep all of them.",
        )
    told = "more than" if shorter.verdict == "better" else "not told apart from what"
    names = ", ".join(each.group for each in groups if each.kept)
    return "proposed", (
        f"Proposed are the {len(kept)} features of {names}: what they find is {told} all {len(features)} find {held}. "
        f"Train it as a challenger."
    )


def steps(dataset: Dataset, model: ModelSettings) -> int:
    """How often a selection notes what it does next, at most."""
    return 4 + len(groups_of(features_of(dataset, model)))


def fragment(found: Selection) -> list[str]:
    """Lines of YAML for a model file: the proposed features, or every one with the reason."""
    lines = [
        f"# Selected for {found.model}.yaml ({found.detector}) in the training days of dataset {found.dataset_day}.",
        f"# {found.sentence}",
    ]
    if found.features is None:
        return [*lines, "features: null"]
    return [*lines, "features:", *(f"  - {name}" for name in found.features)]
