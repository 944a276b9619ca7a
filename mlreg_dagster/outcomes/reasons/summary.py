"""Reasons in few numbers and rows: which families come first, and how much of the score they explain."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.outcomes.names import REMAINDER

PREDICTION = ["hour", "instrument_id", "model_version"]
"""What tells predictions apart."""

_SHOWN_FLAGS = 20


def part_of_total(reasons: pd.DataFrame) -> "pd.Series[Any]":
    """Each share as a part of all that lies between the score and that of the training medians; NaN where nothing."""
    total = reasons.groupby(PREDICTION)["share"].transform("sum")
    return reasons["share"] / total.where(total > 0)


def explained_share(reasons: pd.DataFrame) -> "pd.Series[Any]":
    """On the last row of each prediction: which part of its score the named families explain together."""
    return (1 - part_of_total(reasons)).where(reasons["family"] == REMAINDER)


def first_reasons(reasons: pd.DataFrame) -> Mapping[str, int]:
    """Of how many flags each family is the first reason."""
    counts = reasons.loc[reasons["rank"] == 1, "family"].value_counts()
    return {str(name): int(number) for name, number in counts.items()}


def by_family(reasons: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each family: of how many flags it is the first reason and a named one, and its mean part where it is named."""
    named = reasons.assign(part=part_of_total(reasons))[reasons["family"] != REMAINDER]
    rows = [
        {
            "family": str(family),
            "first reason": int((each["rank"] == 1).sum()),
            "among the reasons": len(each),
            "mean part of the score": float(each["part"].mean()),
        }
        for family, each in named.groupby("family")
    ]
    return sorted(rows, key=lambda row: (-row["first reason"], -row["among the reasons"], row["family"]))


def of_last_hour(reasons: pd.DataFrame) -> list[dict[Any, Any]]:
    """The first reason of the flags of the last hour that has any, the first ones by instrument."""
    newest = reasons[(reasons["hour"] == reasons["hour"].max()) & (reasons["rank"] == 1)].head(_SHOWN_FLAGS)
    columns = ["hour", "instrument_id", "model_version", "family", "share", "feature", "value", "training_median"]
    rows: list[dict[Any, Any]] = newest[columns].to_dict("records")
    return rows
