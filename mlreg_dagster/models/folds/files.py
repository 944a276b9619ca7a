"""Folds in a folder, so that they are planted once."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.evaluation.rounds import PlantedRound
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.folds.splits import Split
from mlreg_dagster.storage import private_files

_FACTS, _ROUND, _PLANTED = "facts.json", "_round", "_planted"


def save(folder: Path, folds: Sequence[Fold]) -> None:
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
        facts.append({"hours": list(fold.split.as_texts()), "lineage": fold.train.lineage, "rounds": marks})
    private_files.write(folder / _FACTS, json.dumps(facts).encode())


def load(folder: Path) -> list[Fold] | None:
    """The folds that `save` kept; None where it did not get to its end.

    Raises:
        OSError, ValueError: The files can't be read.
    """
    if not (folder / _FACTS).is_file():
        return None
    return [_loaded(folder, number, facts) for number, facts in enumerate(json.loads((folder / _FACTS).read_bytes()))]


def _loaded(folder: Path, number: int, facts: dict[str, Any]) -> Fold:
    split = Split.of_texts(facts["hours"])
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
    return Fold(split, dataset, judged, rounds)


def _write(path: Path, frame: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    private_files.write(path, buffer.getvalue())
