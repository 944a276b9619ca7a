"""The timeline of an archive under a policy: prices' volatility, states and decisions, flagged share, peaks of drift.

`retraining.py` writes it; it is no benchmark by itself. Nothing of the archive but aggregates of days is in it.
"""

import html
import io
from base64 import b64encode

import pandas as pd
from matplotlib.figure import Figure

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, new_figure
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.drift.schema import DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.runner import Runner

STATES = ("unknown", "stable", "cooldown", "watch", "confirmed", "responding")
COLOURS = dict(zip(STATES, (MUTED, NORMAL, "#8fb0dd", ACCENT, ANOMALY, "#7a1f24"), strict=True))


def timeline(runner: Runner, title: str, first: pd.Timestamp, end: pd.Timestamp, decisions: pd.DataFrame) -> str:
    """An HTML page: the picture, then every change of state with its reasons."""
    picture = io.BytesIO()
    overview(runner, title, first, end, decisions).savefig(picture, format="png", dpi=110)
    change = decisions[["state", "action", "family", "table_row"]].ne(
        decisions[["state", "action", "family", "table_row"]].shift()
    )
    shown = decisions[change.any(axis=1)]
    cells = ("day", "state", "family", "action", "table_row", "champion", "cause", "reasons")
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_text(row[each]))}</td>" for each in cells) + "</tr>"
        for row in shown.to_dict("records")
    )
    head = "".join(f"<th>{each}</th>" for each in cells)
    image = f'<img alt="" src="data:image/png;base64,{b64encode(picture.getvalue()).decode()}">'
    style = "<style>body{font:13px sans-serif}td{vertical-align:top;border-top:1px solid #ccc;padding:2px 6px}</style>"
    table = f"<table><tr>{head}</tr>{rows}</table>"
    return f"<!doctype html><meta charset=utf-8><title>{title}</title>{style}<h1>{title}</h1>{image}{table}"


def overview(runner: Runner, title: str, first: pd.Timestamp, end: pd.Timestamp, decisions: pd.DataFrame) -> Figure:
    """Five panels over the same days."""
    tables = runner.warehouse
    figure = new_figure(15.0, 11.0)
    panels = figure.subplots(5, 1, sharex=True, height_ratios=[2, 2, 2, 2, 2])
    moves = [each.effective_at for each in runner.registry.history(CHAMPION)]
    sql = (
        "SELECT date_trunc('day', hour) AS day, quantile_cont(abs(change_1h_pct), 0.9) AS move, count(DISTINCT "
        "instrument_id) AS n FROM market_features WHERE hour >= $first AND hour < $end GROUP BY 1 ORDER BY 1"
    )
    market = tables.query(sql, {"first": first, "end": end})
    panels[0].plot(market["day"], market["move"], color=NORMAL, linewidth=0.8)
    panels[0].set_ylabel("90 % of |1 h moves|, %")
    beside = panels[0].twinx()
    beside.step(market["day"], market["n"], color=MUTED, linewidth=0.8, where="post")
    beside.set_ylabel("instruments", color=MUTED)
    for state, days in decisions.groupby("state"):
        number = STATES.index(str(state))
        days_of, colour = days["day"], COLOURS[str(state)]
        panels[1].hlines([number] * len(days), days_of, days_of + pd.Timedelta(days=1), colour, linewidth=9)
    panels[1].set_yticks(range(len(STATES)), STATES)
    panels[1].set_ylim(-0.6, len(STATES) - 0.4)
    asked = decisions[decisions["action"].str.contains("train")]
    person = decisions[decisions["action"] == "ask_a_person"]
    panels[1].plot(asked["day"], [5.3] * len(asked), "k^", markersize=5)
    panels[1].plot(person["day"], [4.3] * len(person), "kx", markersize=4)
    features = tables.read(FEATURE_DRIFT, first, end)
    z = features[["location_z", "spread_z"]].abs().max(axis=1)
    for chosen, name, colour in (
        (features["short_memory"], "largest |z|, short memory", ANOMALY),
        (~features["short_memory"], "other features", MUTED),
    ):
        peak = z[chosen].groupby(features.loc[chosen, "day"]).max().clip(upper=20)
        panels[2].plot(peak.index, peak, color=colour, linewidth=0.8, label=name)
    panels[2].axhline(6, color=ACCENT, linewidth=0.7, linestyle="--")
    panels[2].axhline(3.5, color=ACCENT, linewidth=0.7, linestyle=":")
    panels[2].legend(frameon=False, fontsize=8, loc="upper left")
    flagged = tables.read(PREDICTION_DRIFT, first, end)
    flagged = flagged[flagged["is_newest"]]
    panels[3].plot(flagged["day"], 100 * flagged["flagged_share"], color=NORMAL, linewidth=0.8)
    panels[3].plot(flagged["day"], 100 * flagged["window_share"], color=ACCENT, linewidth=0.8)
    for name in ("least", "most"):
        panels[3].plot(flagged["day"], 100 * flagged[name], color=ANOMALY, linewidth=0.6, linestyle="--")
    panels[3].set_ylabel("flagged, %")
    quality = tables.read(DATA_QUALITY_DRIFT, first, end)
    names = sorted(quality["measure"].unique())
    for number, name in enumerate(names):
        for level, colour in (("bad", ACCENT), ("severe", ANOMALY)):
            days = quality.loc[(quality["measure"] == name) & (quality["quality"] == level), "day"]
            panels[4].plot(days, [number] * len(days), "|", color=colour, markersize=9)
    panels[4].set_yticks(range(len(names)), names)
    panels[4].set_ylim(-0.6, len(names) - 0.4)
    for axes in panels:
        for move in moves:
            axes.axvline(move, color="black", linewidth=0.5, alpha=0.4)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{title}: ^ a training is asked for, x a person is asked, | a champion begins")
    return figure


def _text(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return "" if value is None or value != value else str(value)
