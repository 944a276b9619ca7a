"""The impact of an hour once more, row by row: is the hour among what each thing was made of?

It shares nothing with the package but the names of tables and kinds; lookbacks are written down, not asked for.
"""

import json
from collections import Counter
from io import BytesIO

import pandas as pd

from mlreg_dagster.registry.as_of import RegistryAsOf

FEATURES = "SELECT * FROM market_features"

FEATURE_HOURS = {
    "change_1h_pct": 1,
    "is_gap": 1,
    "change_24h_pct": 24,
    "slog_volume_24h": 23,
    "change_24h_pct_lag_1h": 25,
    "moon": 168,
    "volatility_7d_pct": 168,
}
RANKING_HOURS = {
    "ranking:drawdown": 6,
    "ranking:volatility": 168,
    "ranking:robust_z": 168,
    "ranking:volume_jump": 24 + 23,
    "ranking:absolute_change": 24,
    "ranking:fall": 24,
}
ALL_FEATURES = 168
"""Of the features of all: the seven days of volatility and of the longest change."""


class Oracle:
    """What rests on an hour; `until`: as of a time, at which nothing later was there."""

    def __init__(self, home, until=None):
        self.home, self.until = home, until
        self.registry = home.registry if until is None else RegistryAsOf(home.registry, until)

        def read(sql):
            rows = home.tables.query(sql)
            return rows if until is None else rows[rows["hour"] <= until]

        self.now = {(row["hour"], row["instrument_id"]): row for row in counted(home.tables.query(FEATURES))}
        self.features = counted(read(FEATURES))
        self.predictions = counted(read("SELECT * FROM predictions"))
        self.outcomes = counted(read("SELECT * FROM prediction_outcomes"))
        self.reasons = {
            (row["hour"], row["instrument_id"], row["model_version"])
            for row in counted(read("SELECT * FROM prediction_reasons"))
        }
        self.served = counted(read("SELECT * FROM served_predictions"))
        self.frozen = list(self._bundles())
        self.versions = {each.version: each for each in self.registry.versions()}

    def _bundles(self):
        for kind in ("training_dataset", "eval_holdout"):
            for day in home_keys(self.home, kind):
                if self.until is not None and pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1) > self.until:
                    continue
                files = self.home.store.read(kind, day)
                frames = {
                    name: counted(pd.read_parquet(BytesIO(files[f"{name}.parquet"])))
                    if f"{name}.parquet" in files
                    else []
                    for name in ("rows", "market", "labelled")
                }
                yield kind, day, self.home.store.find(kind, day).sha256, json.loads(files["lineage.json"]), frames

    def rule(self, name):
        """Hours of features, hours of scores behind a threshold, whether one instrument reaches all."""
        if name.startswith("ranking:"):
            return RANKING_HOURS[name], 168, False
        if name not in self.versions:
            return 336, 744, True
        manifest = self.versions[name].manifest
        flagging = manifest["settings"].get("flagging", {"policy": "frozen"})
        window = {"frozen": 0, "top_k": 1, "trailing_share": 24 * flagging.get("days", 0)}[flagging["policy"]]
        hours = max(FEATURE_HOURS[feature] for feature in manifest["features"])
        return hours, window, "moon" in manifest["features"]

    def impact(self, hour, instrument):
        self.hour, self.instrument = number(hour), instrument
        datasets = {(kind, day): found for kind, day, found in self._datasets() if found}
        self.by_sha = {sha: (kind, day) for kind, day, sha, *_ in self.frozen if (kind, day) in datasets}
        self.trained = {
            name
            for name, version in self.versions.items()
            if self.by_sha.get(version.dataset_sha256) == ("training_dataset", version.dataset_day)
        }
        evaluations = {
            name: [
                each.id
                for each in self.registry.evaluations(name)
                if self.by_sha.get(each.holdout_sha256, ("",))[0] == "eval_holdout"
            ]
            for name in self.versions
        }
        self._ways()
        return {
            "datasets": datasets,
            "trained": self.trained,
            "evaluations": {name: found for name, found in evaluations.items() if found},
            "features": self._features(),
            "predictions": self._counted(self.predictions, self.way),
            "reasons": self._counted([row for row in self.predictions if key_of(row) in self.reasons], self.way),
            "outcomes": self._counted(self.outcomes, self._of_outcome),
            "reigns": self._reigns(evaluations),
            "rollouts": self._rollouts(),
            "served": self._counted(self.served, self._of_answer),
        }

    def _own(self, row):
        return self.instrument is None or row["instrument_id"] == self.instrument

    def _after(self, hour, hours):
        return 0 <= hour - self.hour <= hours

    def _datasets(self):
        for kind, day, _, lineage, frames in self.frozen:
            rows = [row for row in frames["rows"] if self._own(row)]
            holds = [row for row in rows if row["hour"] == self.hour]
            resting = [row for row in rows if self._after(row["hour"], ALL_FEATURES)]
            behind = [row for row in frames["market"] if row["hour"] == self.hour and self._own(row)]
            labels = 0
            for row in frames["labelled"]:
                if self._own(row):
                    meaning = lineage["labels"]["outcomes"]
                    read = {row["hour"]} | {
                        row["hour"] + meaning["horizon_hours"] - back
                        for back in range(meaning["price_tolerance_hours"] + 1)
                    }
                    labels += self.hour in read or self._after(row["hour"], ALL_FEATURES)
            if not (resting or behind or labels):
                yield kind, day, None
                continue
            hours = {row["hour"] for row in resting}
            changed = set()
            every = [row for row in frames["rows"] if row["hour"] in hours]
            for row in every:
                key = (row["hour"], row["instrument_id"])
                if key not in self.now or not same(row, self.now[key]):
                    changed.add(row["hour"])
            relation = "holds" if holds else "looks back"
            yield kind, day, (relation, len(hours), len(resting), labels, len(changed))

    def _features(self):
        rows = [row for row in self.features if self._own(row)]
        rows = [row for row in rows if self._after(row["hour"], ALL_FEATURES)]
        return len({row["hour"] for row in rows}), len(rows)

    def _ways(self):
        """Through what each prediction rests on the hour, and which hours have a threshold that does."""
        rests, self.moved, self.way_of = set(), set(), {}
        for row in self.predictions:
            hours, _, shared = self.rule(row["model_version"])
            if self._after(row["hour"], hours) and (shared or self._own(row)):
                rests.add(key_of(row))
        scores = {
            (row["model_version"], row["hour"])
            for row in self.predictions
            if key_of(row) in rests and (not row["in_sample"] or row["model_version"].startswith("ranking:"))
        }
        for row in self.predictions:
            name = row["model_version"]
            _, window, _ = self.rule(name)
            follows = not row["in_sample"] or name.startswith("ranking:")
            if (
                follows
                and (name, row["hour"]) not in self.moved
                and any((name, row["hour"] - back) in scores for back in range(window))
            ):
                self.moved.add((name, row["hour"]))
            if key_of(row) in rests:
                self.way_of[key_of(row)] = "features"
            elif follows and (name, row["hour"]) in self.moved:
                self.way_of[key_of(row)] = "threshold"
            elif name in self.trained:
                self.way_of[key_of(row)] = "training"

    def way(self, row):
        return self.way_of.get(key_of(row))

    def _of_outcome(self, row):
        made, due = row["prediction_hour"], row["hour"]
        if self._own(row):
            if self.hour in {made, *(due - back for back in range(self.tolerance + 1))}:
                return "label"
            if made - 6 <= self.hour <= due:
                return "price"
        return self.way_of.get((made, row["instrument_id"], row["model_version"]))

    @property
    def tolerance(self):
        return self.home.settings.outcomes.price_tolerance_hours

    def _of_answer(self, row):
        hours, _, shared = self.rule(row["model_version"])
        named, asked = row["market_hour"] is not None, row["instrument_id"]
        if named and self._after(row["market_hour"], hours) and (shared or self._own(row)):
            return "features"
        if (row["model_version"], row["threshold_hour"]) in self.moved:
            return "threshold"
        if row["model_version"] in self.trained:
            return "training"
        if not named and self._after(row["hour"], hours + 1):
            return "unknown"
        if named and pd.isna(asked) and self.instrument and self._after(row["market_hour"], hours):
            return "unknown"
        return None

    def _counted(self, rows, way):
        found = Counter()
        hours, flags = {}, Counter()
        for row in rows:
            if (through := way(row)) is not None:
                key = (row["model_version"], through)
                found[key] += 1
                hours.setdefault(key, set()).add(row["hour"])
                flags[key] += bool(row["is_anomaly"])
        return {key: (min(hours[key]), max(hours[key]), len(hours[key]), found[key], flags[key]) for key in found}

    def _reigns(self, evaluations):
        found = set()
        for alias in ("champion", "challenger"):
            moves = self.registry.history(alias)
            for place, move in enumerate(moves):
                until = moves[place + 1].effective_at if place + 1 < len(moves) else None
                hours = {
                    row["hour"]
                    for row in self.predictions
                    if row["model_version"] == move.version
                    and row["role"] == alias
                    and self.way(row) in ("features", "threshold")
                    and row["hour"] >= number(move.effective_at)
                    and (until is None or row["hour"] < number(until))
                }
                trained, admitted = move.version in self.trained, move.evaluation_id in evaluations[move.version]
                if trained or admitted or hours:
                    found.add((alias, move.version, move.effective_at, until, trained, admitted, len(hours)))
        return found

    def _rollouts(self):
        found, rollouts = set(), {}
        for event in self.registry.traffic_history("champion"):
            rollouts.setdefault(event.rollout, []).append(event)
        for rollout, events in rollouts.items():
            first, last = events[0], events[-1]
            ended = last.effective_at if last.state in ("closed", "rolled_back", "finished") else None
            usable = {}
            for row in self.outcomes:
                if (
                    row["in_sample"]
                    or row["outcome"] == "unresolved"
                    or row["prediction_hour"] < number(first.effective_at)
                ):
                    continue
                if ended is None or row["hour"] <= number(ended):
                    usable[row["prediction_hour"], row["instrument_id"], row["model_version"]] = self._of_outcome(row)
            pairs = [
                (way, usable[hour, instrument, first.champion])
                for (hour, instrument, name), way in usable.items()
                if name == first.candidate and (hour, instrument, first.champion) in usable
            ]
            resting = sum(any(pair) for pair in pairs)
            if resting:
                found.add((rollout, first.champion, first.candidate, resting, len(pairs)))
        return found


def number(time):
    """Hours since 1970, with a part of one where it is no whole hour."""
    return time.timestamp() / 3600


def counted(frame):
    """Rows with their hours as numbers; what is missing is None."""
    for name in ("hour", "prediction_hour", "market_hour", "threshold_hour"):
        if name in frame:
            values = frame[name].map(lambda time: None if pd.isna(time) else number(time)).astype(object)
            frame = frame.assign(**{name: values.where(frame[name].notna(), None)})
    return frame.to_dict("records")


def key_of(row):
    return row["hour"], row["instrument_id"], row["model_version"]


def same(row, now):
    return all(
        (pd.isna(value) and pd.isna(now[name])) or value == now[name]
        for name, value in row.items()
        if name not in ("hour", "instrument_id")
    )


def home_keys(home, kind):
    return sorted(path.name for path in (home.folder / "artifacts" / kind).iterdir())


def as_facts(impact):
    """What the package answers, in the shape of the oracle."""

    def rows(found):
        return {
            (each.version, each.through): (number(each.first), number(each.last), each.hours, each.rows, each.flagged)
            for each in found
        }

    return {
        "datasets": {
            (each.kind, each.day): (each.relation, each.hours, each.rows, each.labels, each.changed + each.gone)
            for each in impact.datasets
        },
        "trained": {each.version for each in impact.versions if each.trained},
        "evaluations": {
            each.version: [found.evaluation for found in each.evaluations]
            for each in impact.versions
            if each.evaluations
        },
        "features": (impact.feature_hours, impact.feature_rows),
        "predictions": rows(impact.predictions),
        "reasons": rows(impact.reasons),
        "outcomes": rows(impact.outcomes),
        "reigns": {
            (each.alias, each.version, each.first, each.until, each.trained, each.admitted, each.predicted_hours)
            for each in impact.reigns
        },
        "rollouts": {
            (each.rollout, each.champion, each.candidate, each.resting, each.pairs) for each in impact.rollouts
        },
        "served": rows(impact.served),
    }
