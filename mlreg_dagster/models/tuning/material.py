"""What trials are fitted to and judged by: read and planted once for a study, then kept in its folder.

Rows come from the tables, of days that are not of low quality; anomalies are planted by the code that plants those of
gates, with other seeds.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import InjectionSettings, ModelSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import labels
from mlreg_dagster.datasets.choosing import KNOWN_WITHIN, choose_labelled
from mlreg_dagster.datasets.freezing import Dataset, within
from mlreg_dagster.datasets.low_quality import without_left_out
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.models.evaluation.rounds import PlantedRound, plant_anomalies
from mlreg_dagster.models.tuning.folds import Plan, Split, days_of
from mlreg_dagster.models.tuning.record import Fold
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_FACTS, _ROUND, _PLANTED = "facts.json", "_round", "_planted"


class NothingToJudgeBy(MlregError):
    """A fold without rows; the message says which hours."""


@dataclass(frozen=True)
class FoldMaterial:
    """One fold, ready to be fitted and judged.

    Attributes:
        split: Its hours.
        train: The rows to fit, as a training dataset has them.
        judged: Rows whose outcome is known, with the column LABEL.
        rounds: Anomalies planted into the judged hours; the first ones are one of each kind.
    """

    split: Split
    train: Dataset
    judged: pd.DataFrame
    rounds: list[PlantedRound]

    @property
    def crashed(self) -> NDArray[np.bool_]:
        """Whether a crash followed each judged row."""
        return (self.judged[labels.LABEL] == CRASH).to_numpy(dtype=bool)

    @property
    def first_rounds(self) -> int:
        """How many rounds make one of each kind."""
        return len({each.kind for each in self.rounds})


def gather(
    tables: Warehouse,
    settings: Settings,
    chosen: ModelSettings,
    plan: Plan,
    seeds: tuple[Sequence[int], Sequence[int]],
) -> tuple[list[FoldMaterial], FoldMaterial]:
    """Read and plant all folds, and the measured days.

    Args:
        tables: The warehouse.
        settings: Features, quality, outcomes, and what gates plant.
        chosen: The model file; a classifier's training rows have labels.
        plan: The hours.
        seeds: Planting seeds of the folds, and of the measured days.

    Raises:
        NothingToJudgeBy: A fold has no rows.
        OtherFeatureSettings: Rows were computed with other settings than features.yaml has.
    """
    whole, lookback = plan.whole, settings.max_lookback_hours
    features = tables.read(features_table(settings.features), whole.first - KNOWN_WITHIN, whole.end - HOUR)
    choice = choose_labelled(features, whole, settings)
    horizon = settings.outcomes.horizon_hours * HOUR
    market = tables.read(MARKET_SNAPSHOT, whole.first - lookback * HOUR, whole.end + horizon - HOUR)
    prices = market[market["hour"] >= whole.first - FALL_HOURS * HOUR][["hour", "instrument_id", "price"]]
    planted_into = without_left_out(market, choice.left_out.as_facts())

    def material(split: Split, planting_seeds: Sequence[int]) -> FoldMaterial:
        rows = within(choice.features, split.judged)
        if rows.empty:
            raise NothingToJudgeBy(
                f"No hour of {split.judged} has features of a day that is not of low quality, so nothing can be judged "
                f"there. {choice.left_out} Take another day."
            )
        read = Window(split.judged.first, split.judged.end + horizon)
        judged = labels.label_rows(rows, prices, read, settings.outcomes)
        injection = settings.evaluation.injection.model_copy(update={"seeds": tuple(planting_seeds)})
        rounds = _plant(rows, planted_into, split, injection, settings)
        known = judged[judged[labels.LABEL] != UNRESOLVED].reset_index(drop=True)
        return FoldMaterial(split, _training(choice.features, prices, split, settings, chosen), known, rounds)

    return [material(split, seeds[0]) for split in plan.folds], material(plan.measured, seeds[1])


def _plant(
    rows: pd.DataFrame, market: pd.DataFrame, split: Split, injection: InjectionSettings, settings: Settings
) -> list[PlantedRound]:
    rounds: list[PlantedRound] = []
    lookback = settings.max_lookback_hours
    for day in days_of(split.judged):
        known = within(market, Window(day.first - lookback * HOUR, day.end))
        of_day = within(rows, day)
        if not of_day.empty:
            holdout = Dataset(day_key(day.first), of_day, known, day, {}, "")
            rounds += plant_anomalies(holdout, injection, settings.features, lookback)
    firsts: dict[str, int] = {}
    for place, each in enumerate(rounds):
        firsts.setdefault(each.kind, place)
    order = [*firsts.values(), *(place for place in range(len(rounds)) if place not in firsts.values())]
    return [rounds[place] for place in order]


def _training(
    features: pd.DataFrame, prices: pd.DataFrame, split: Split, settings: Settings, chosen: ModelSettings
) -> Dataset:
    window = split.train
    rows = labels.select_rows_to_label(features, window, settings.datasets, settings.features)
    if rows.empty:
        raise NothingToJudgeBy(f"No instrument was seen often enough in {window} to train on. Take a later day.")
    lineage: dict[str, Any] = {"feature_settings": settings.features.model_dump(mode="json")}
    day, labelled = f"of {window}", None
    if chosen.detector == CRASH_CLASSIFIER:
        known = prices[prices["hour"] < window.end]
        labelled = labels.label_rows(rows, known, window, settings.outcomes)
        lineage[labels.LABELS] = labels.describe_labels(labelled, features, window, split.judged, settings.outcomes)
    return Dataset(day, rows, None, window, lineage, "", labelled)


def save(folder: Path, folds: Sequence[FoldMaterial]) -> None:
    """Keep folds in a folder; the file of facts is the last one, so that half of them is none."""
    private_files.make_folder(folder)
    facts = []
    for number, fold in enumerate(folds):
        rounds = []
        for place, each in enumerate(fold.rounds):
            marked = each.rows.copy()
            marked[_ROUND], marked[_PLANTED] = place, each.planted
            rounds.append(marked)
        frames = {"train": fold.train.rows, "labelled": fold.train.labelled, "judged": fold.judged}
        for name, frame in {**frames, "rounds": pd.concat(rounds) if rounds else None}.items():
            if frame is not None:
                _write(folder / f"{number}-{name}.parquet", frame)
        marks = [{"kind": each.kind, "seed": each.seed, "day": each.day} for each in fold.rounds]
        facts.append({"fold": asdict(fold.split.as_fold()), "lineage": fold.train.lineage, "rounds": marks})
    private_files.write(folder / _FACTS, json.dumps(facts).encode())


def load(folder: Path) -> list[FoldMaterial] | None:
    """The folds that `save` kept; None where it did not get to its end.

    Raises:
        OSError, ValueError: The files can't be read.
    """
    if not (folder / _FACTS).is_file():
        return None
    return [_loaded(folder, number, facts) for number, facts in enumerate(json.loads((folder / _FACTS).read_bytes()))]


def _loaded(folder: Path, number: int, facts: dict[str, Any]) -> FoldMaterial:
    split = Split.of_fold(Fold(**facts["fold"]))
    frames = {
        name: pd.read_parquet(path) if (path := folder / f"{number}-{name}.parquet").is_file() else None
        for name in ("train", "labelled", "judged", "rounds")
    }
    rounds = []
    if frames["rounds"] is not None:
        for place, rows in frames["rounds"].groupby(_ROUND):
            marks, kept = facts["rounds"][int(str(place))], rows.drop(columns=[_ROUND, _PLANTED]).reset_index(drop=True)
            planted = rows[_PLANTED].to_numpy(dtype=bool)
            rounds.append(PlantedRound(marks["kind"], kept, planted, marks["seed"], marks["day"]))
    train, judged = frames["train"], frames["judged"]
    assert train is not None  # noqa: S101  # written before the facts
    assert judged is not None  # noqa: S101
    dataset = Dataset(f"of {split.train}", train, None, split.train, facts["lineage"], "", frames["labelled"])
    return FoldMaterial(split, dataset, judged, rounds)


def _write(path: Path, frame: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    private_files.write(path, buffer.getvalue())
