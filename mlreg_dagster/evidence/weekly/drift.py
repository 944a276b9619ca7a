"""What is said of the four families of drift over some days, each by itself; what was decided stands in `watch`."""

from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.core.display.plotting import ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.evidence.weekly.sections import Section, records, rounded
from mlreg_dagster.evidence.weekly.week import Span
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_SHOWN = 10
_WATCHED_Z = 4.0
_STATISTICS = ("location_z", "spread_z", "location_innovation", "spread_innovation")


def data_quality(tables: Warehouse, week: Span) -> Section:
    """Which measures of the data were beyond their limits, and on which days."""
    title, rows = "Data quality", tables.read(DATA_QUALITY_DRIFT, week.days[0], week.days[-1])
    if rows.empty:
        return Section(title, "No day was measured.", is_good=None)
    wrong = rows[rows["quality"] != "ok"]
    measured = rows["day"].nunique()
    severe = wrong.loc[wrong["quality"] == "severe", "day"].nunique()
    text = f"{measured} days were measured: {wrong['day'].nunique()} not in order, {severe} of them severely."
    shown = [
        {
            "day": f"{row['day']:%Y-%m-%d}",
            "measure": row["measure"].replace("_", " "),
            "quality": row["quality"],
            "value": row["value"],
            "bad beyond": row["bad"],
            "severe beyond": row["severe"],
            "detail": row["detail"],
        }
        for row in records(wrong)
    ]
    return Section(title, text, shown, is_good=False if shown else True if measured == len(week.days) else None)


def features(tables: Warehouse, week: Span, *, drawn: bool = True) -> Section:
    """Which features lay farthest from quiet days.

    Args:
        tables: Where drift is.
        week: The days.
        drawn: Whether there is a picture of it.
    """
    title, rows = "Feature drift", tables.read(FEATURE_DRIFT, week.days[0], week.days[-1])
    if rows.empty:
        return Section(title, "No day was measured.", is_good=None)
    judged = rows[rows["enough"]]
    if judged.empty:
        text = "Not known: no day has enough hours, instruments and quiet days before it."
        return Section(title, text, is_good=None)
    sizes = judged[list(_STATISTICS)].abs().max(axis=1)
    largest = sizes.groupby(judged["feature"]).max().sort_values(ascending=False).dropna()
    days = judged["day"].nunique()
    text = (
        f"{days} of {len(week.days)} days could be judged. The largest statistic is {largest.iloc[0]:.1f} standard "
        f"deviations of quiet days, of {largest.index[0]}; {int((largest > _WATCHED_Z).sum())} features exceed "
        f"{_WATCHED_Z:g}."
    )
    shown = [_of_feature(judged[judged["feature"] == name]) for name in largest.index[:_SHOWN]]
    far = bool((largest > _WATCHED_Z).any())
    state = None if far or days < len(week.days) else True  # whether it asks for somebody is for the decision to say
    picture = _picture(judged, list(largest.index[:_SHOWN]), week) if drawn else ""
    return Section(title, text, shown, picture, is_good=state)


def _of_feature(rows: pd.DataFrame) -> dict[str, Any]:
    sizes = rows[list(_STATISTICS)].abs()
    row = records(rows)[int(sizes.max(axis=1).to_numpy().argmax())]
    return {
        "feature": row["feature"],
        "day": f"{row['day']:%Y-%m-%d}",
        **{name.replace("_", " "): rounded(row[name]) for name in _STATISTICS},
        **{name.upper(): rounded(row[name]) for name in ("ks", "psi", "js")},
        "null share": rounded(row["null_share"]),
    }


def _picture(judged: pd.DataFrame, names: list[str], week: Span) -> str:
    figure = new_figure(7.0, 3.0)
    axes = figure.subplots()
    sizes = judged.assign(size=judged[list(_STATISTICS)].abs().max(axis=1))
    table = sizes.pivot_table(index="feature", columns="day", values="size").reindex(index=names, columns=week.days)
    for number, name in enumerate(reversed(names)):
        values = table.loc[name].to_numpy(dtype=float)
        colours = [ANOMALY if value > _WATCHED_Z else NORMAL for value in values]
        axes.scatter(range(len(values)), np.full(len(values), number), s=12 * np.nan_to_num(values), c=colours)
    axes.set_yticks(range(len(names)), [label(name) for name in reversed(names)], fontsize=7)
    axes.set_xticks(range(len(week.days)), [f"{day:%a %d}" for day in week.days])
    axes.grid(axis="y", color=MUTED, linewidth=0.3)
    return as_markdown(figure, "Distance of features from quiet days, by day: larger dots lie farther")


def predictions(tables: Warehouse, week: Span) -> Section:
    """Whether what the champions flagged stayed within its limits."""
    title, rows = "Prediction drift", tables.read(PREDICTION_DRIFT, week.days[0], week.days[-1])
    judged = rows[rows["is_newest"]] if len(rows) else rows
    if judged.empty:
        return Section(title, "No champion scored any of the days.", is_good=None)
    states = judged["state"].value_counts()
    text = ", ".join(f"{name} its limits on {states.get(name, 0)} days" for name in ("within", "outside"))
    shown = [
        {
            "day": f"{row['day']:%Y-%m-%d}",
            "version": row["model_version"],
            "state": row["state"],
            "in words": row["sentence"],
        }
        for row in records(judged)
    ]
    is_known = len(judged) == len(week.days) and not states.get("unknown", 0)
    good = False if states.get("outside", 0) else True if is_known else None
    unknown = f", unknown on {states['unknown']}" if states.get("unknown", 0) else ""
    return Section(title, f"The champion was {text}{unknown}.", shown, is_good=good)


def concept(tables: Warehouse, week: Span) -> Section:
    """Whether the champion has become worse than its opponents, by the newest day of the week that says so."""
    title, rows = "Concept drift", tables.read(CONCEPT_DRIFT, week.days[0], week.days[-1])
    if rows.empty:
        return Section(title, "Not known: no opponent has matured outcomes beside the champion's.", is_good=None)
    newest = rows[rows["day"] == rows["day"].max()]
    deciding = newest[newest["decides"]]
    text = " ".join(deciding["sentence"]) or "No opponent decides."
    shown = [
        {
            "opponent": row["opponent"],
            "decides": "yes" if row["decides"] else "no",
            "verdict": row["verdict"],
            "episodes": row["episodes"],
            "difference in recall": rounded(row["difference"]),
            "low": rounded(row["low"]),
            "high": rounded(row["high"]),
            "detectable": rounded(row["detectable"]),
        }
        for row in records(newest)
    ]
    verdicts = set(deciding["verdict"])
    good = False if "worse" in verdicts else True if verdicts == {"same"} else None
    return Section(title, text, shown, is_good=good)
