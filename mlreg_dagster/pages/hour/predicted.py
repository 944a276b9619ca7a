"""What was predicted of an hour, by whom, why it was flagged, and the outcomes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import OUTCOMES_TABLE, PREDICTIONS_TABLE, REASONS_TABLE, is_ranking
from mlreg_dagster.pages.hour.reading import frame_of, records
from mlreg_dagster.pages.view import View

FLAGS = 40
"""Of which the reasons are shown, at most."""

_KEY = ["instrument_id", "model_version"]
_OF_AN_OUTCOME = "outcome, hour AS due, change_pct, worst_drop_pct"


@dataclass(frozen=True)
class Predicted:
    """What a version or ranking predicted of the hour.

    Attributes:
        version: Its name.
        role: champion, challenger, requested or ranking.
        rows: Its predictions.
        threshold: Above which a score is flagged.
        flagged: How many are.
        in_sample: How many count in no metric.
        crash: How many a crash followed.
        no_crash: How many none followed.
        unresolved: Of how many no price tells.
        missing: Those that were due by the time that is asked about, and have no outcome.
        open: Those that are due later.
    """

    version: str
    role: str
    rows: int
    threshold: float
    flagged: int
    in_sample: int
    crash: int
    no_crash: int
    unresolved: int
    missing: int
    open: int


@dataclass(frozen=True)
class Reason:
    """A family of features that raised a score.

    Attributes:
        family: Which.
        share: What it adds to the score.
        feature: Its feature farthest from the median of training; None: of the remainder.
        value: Of that feature; None: unknown.
        training_median: Of that feature.
    """

    family: str
    share: float
    feature: str | None
    value: float | None
    training_median: float | None


@dataclass(frozen=True)
class Row:
    """A prediction.

    Attributes:
        instrument_id: Of what.
        version: By which version.
        role: As what.
        score: Its score.
        threshold: Above which it is flagged.
        flagged: Whether it is.
        in_sample: Whether it counts in no metric.
        outcome: crash, no_crash or unresolved; None: not known.
        change_pct: Of the price until the outcome, in percent; None: unknown.
        worst_drop_pct: The lowest price on the way, likewise.
        reasons: Those on record, the strongest first.
    """

    instrument_id: str
    version: str
    role: str
    score: float
    threshold: float
    flagged: bool
    in_sample: bool
    outcome: str | None
    change_pct: float | None
    worst_drop_pct: float | None
    reasons: tuple[Reason, ...] = ()


class Predictions:
    """All predictions of an hour, with the outcomes that were due by the time that is asked about.

    Args:
        view: What is asked about.
        hour: The hour.
    """

    def __init__(self, view: View, hour: pd.Timestamp) -> None:
        self._view, self._hour = view, hour
        self._rows = frame_of(view.tables, PREDICTIONS_TABLE, "*", "hour = $hour ORDER BY ALL", {"hour": hour})
        asked: dict[str, object] = {"hour": hour, "until": view.as_of}
        due = "prediction_hour = $hour AND hour BETWEEN $hour AND $until"
        outcomes = frame_of(view.tables, OUTCOMES_TABLE, f"instrument_id, model_version, {_OF_AN_OUTCOME}", due, asked)
        if self._rows.empty:
            return
        if outcomes.empty:
            names = ["outcome", "due", "change_pct", "worst_drop_pct"]
            self._rows = self._rows.assign(**dict.fromkeys(names))
        else:
            self._rows = self._rows.merge(outcomes, on=_KEY, how="left")

    @property
    def roles(self) -> set[str]:
        """The aliases and others whose rows there are."""
        return set() if self._rows.empty else set(self._rows["role"])

    @property
    def outcomes(self) -> int:
        """How many outcomes there are."""
        return 0 if self._rows.empty else int(self._rows["outcome"].notna().sum())

    def by_version(self) -> tuple[Predicted, ...]:
        """Counts of each version and ranking, versions first."""
        if self._rows.empty:
            return ()
        horizon = timedelta(hours=self._view.settings.outcomes.horizon_hours)
        is_due = self._hour + horizon <= self._view.as_of
        found = []
        for (version, role), rows in self._rows.groupby(["model_version", "role"]):
            counts = rows["outcome"].value_counts()
            unknown = int(rows["outcome"].isna().sum())
            found.append(
                Predicted(
                    version=str(version),
                    role=str(role),
                    rows=len(rows),
                    threshold=float(rows["threshold"].iloc[0]),
                    flagged=int(rows["is_anomaly"].sum()),
                    in_sample=int(rows["in_sample"].sum()),
                    crash=int(counts.get(CRASH, 0)),
                    no_crash=int(counts.get(NO_CRASH, 0)),
                    unresolved=int(counts.get(UNRESOLVED, 0)),
                    missing=unknown if is_due else 0,
                    open=0 if is_due else unknown,
                )
            )
        return tuple(sorted(found, key=lambda each: (is_ranking(each.version), each.role, each.version)))

    def flags(self) -> tuple[tuple[Row, ...], int]:
        """The flags of versions with their reasons, the highest score first; and how many there are."""
        rows = self._of_versions()
        flagged = rows[rows["is_anomaly"].astype(bool)] if len(rows) else rows
        shown = flagged.head(FLAGS)
        return tuple(_row(each, reasons) for each, reasons in self._with_reasons(shown)), len(flagged)

    def scored(self) -> tuple[Row, ...]:
        """The predictions of versions without reasons, the highest score first."""
        return tuple(_row(each, ()) for each in records(self._of_versions()))

    def of(self, instrument: str) -> tuple[Row, ...]:
        """All predictions of an instrument, those of rankings too."""
        rows = self._rows[self._rows["instrument_id"] == instrument] if len(self._rows) else self._rows
        return tuple(_row(each, reasons) for each, reasons in self._with_reasons(rows))

    def _of_versions(self) -> pd.DataFrame:
        if self._rows.empty:
            return self._rows
        rows = self._rows[self._rows["role"] != "ranking"]
        return rows.sort_values(["score", *_KEY], ascending=[False, True, True])

    def _with_reasons(self, rows: pd.DataFrame) -> Iterable[tuple[dict[str, Any], tuple[Reason, ...]]]:
        if rows.empty:
            return
        stored = frame_of(
            self._view.tables,
            REASONS_TABLE,
            "*",
            "hour = $hour AND list_contains($names::VARCHAR[], instrument_id) ORDER BY instrument_id, rank",
            {"hour": self._hour, "names": sorted(set(rows["instrument_id"]))},
        )
        found: dict[tuple[str, str], list[Reason]] = {}
        for each in records(stored):
            reason = Reason(each["family"], each["share"], each["feature"], each["value"], each["training_median"])
            found.setdefault((each["instrument_id"], each["model_version"]), []).append(reason)
        for each in records(rows):
            yield each, tuple(found.get((each["instrument_id"], each["model_version"]), ()))


def _row(each: dict[str, Any], reasons: tuple[Reason, ...]) -> Row:
    names = ("instrument_id", "role", "score", "threshold", "in_sample", "outcome", "change_pct", "worst_drop_pct")
    plain = {name: each[name] for name in names}
    return Row(version=each["model_version"], flagged=bool(each["is_anomaly"]), reasons=reasons, **plain)


def due_at(hour: pd.Timestamp, horizon_hours: int) -> datetime:
    """When the outcomes of an hour's predictions are due."""
    return hour + timedelta(hours=horizon_hours)
