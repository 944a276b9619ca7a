"""The figures of a card, computed again from the files of a home: with SQL, hashlib and numpy, and nothing of ours.

A figure is named by its place in card.json: section, fact, and key of a value, or number of a row and its key. What a
card says of Dagster's checks and sensors is no figure of the home, and is left out.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

Place = tuple[Any, ...]
DAY = 86_400
ALLOWED_CHANGE = -15.0


class Row(tuple[tuple[str, Any], ...]):
    """A row, by what some of its cells hold."""

    def __new__(cls, **cells: Any) -> "Row":
        """The cells by name."""
        return super().__new__(cls, cells.items())

    def items(self) -> set[tuple[str, Any]]:
        """Names and values."""
        return set(self)


class Home:
    """The files of a home, read past the package."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder, self.version = folder, version
        self.row = self.sql("SELECT * FROM model_versions WHERE version = ?", version)[0]
        self.manifest = json.loads(self.row["manifest"])
        self.policy = json.loads(self.sql("SELECT content FROM policies ORDER BY id")[-1]["content"])
        self.evaluation = self.sql("SELECT * FROM evaluations WHERE version = ? ORDER BY id", version)[-1]

    def sql(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Rows of the registry."""
        with closing(sqlite3.connect(f"file:{self.folder / 'registry.sqlite'}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(statement, values).fetchall()

    def tables(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the warehouse, or of Parquet files."""
        with closing(duckdb.connect(self.folder / "warehouse.duckdb", read_only=True)) as connection:
            return connection.execute(statement, values).fetchall()

    def bundle(self, kind: str, key: str) -> Path:
        """The folder of an artifact."""
        return self.folder / "artifacts" / kind / key

    def rows_of(self, kind: str) -> str:
        """The frozen rows of a dataset of the version, as a table of DuckDB."""
        return f"read_parquet('{self.bundle(kind, self.row['dataset_day']) / 'rows.parquet'}')"


def figures(folder: Path, version: str, runbook: Path) -> dict[Place, Any]:
    """Every figure, by its place.

    Args:
        folder: The home.
        version: Whose card it is.
        runbook: The file that the card names.
    """
    home = Home(folder, version)
    found: dict[Place, Any] = {}
    for section, compute in SECTIONS.items():
        extra = [runbook] if section == "operations" else []
        found |= {(section, *place): value for place, value in compute(home, *extra)}
    return found


def use_case(home: Home) -> Iterator[tuple[Place, Any]]:
    case = home.policy["use_case"]
    for name in ("max_latency_ms", "min_rows_per_s", "max_model_mb"):
        yield ("constraints", name), float(case["constraints"][name])
    judged = {name: value for name, value in case.items() if name != "documentation"}
    spelled = json.dumps(judged, separators=(",", ":"), ensure_ascii=False)  # in the order of the record
    yield ("use_case", "sha_256_of_use_case.yaml_s_values"), sha256(spelled.encode())
    yield ("use_case", "the_version_was_built_under"), home.manifest["use_case_sha256"]
    for number, asked in enumerate(case["success"]):
        yield ("success", number, "at_most"), asked["at_most"]


def lineage(home: Home) -> Iterator[tuple[Place, Any]]:
    for number, (kind, hours) in enumerate((("training_dataset", 48), ("eval_holdout", 24))):
        source = home.rows_of(kind)
        rows, instruments, known, first, last = home.tables(
            f"SELECT count(*), count(DISTINCT instrument_id), count(DISTINCT hour), min(epoch(hour)), max(epoch(hour)) "
            f"FROM {source}"
        )[0]
        yield ("datasets", number, "rows"), rows
        yield ("datasets", number, "instruments"), instruments
        yield ("datasets", number, "hours_with_rows"), known
        yield ("datasets", number, "hours_in_window"), hours
        yield ("datasets", number, "first_hour"), iso(first)
        yield ("datasets", number, "end"), iso(last + 3600)
        sums = home.bundle(kind, home.row["dataset_day"]) / "SHA256SUMS"
        yield ("datasets", number, "sha_256"), sha256(sums.read_bytes())
        differs = " OR ".join(f"f.{name} IS DISTINCT FROM t.{name}" for name in home.manifest["features"])
        changed, among, first, last = home.tables(
            f"SELECT count(DISTINCT f.hour), count(*), min(epoch(f.hour)), max(epoch(f.hour)) "
            f"FROM {source} f JOIN market_features t USING (hour, instrument_id) WHERE {differs}"
        )[0]
        yield ("changed_hours", number, "hours_frozen"), known
        yield ("changed_hours", number, "hours_changed"), changed
        yield ("changed_hours", number, "rows_changed"), among
        yield ("changed_hours", number, "first_changed"), iso(first)
        yield ("changed_hours", number, "last_changed"), iso(last)
    yield ("features", "lag_hours"), home.manifest["feature_settings"]["lag_hours"]


def evaluation(home: Home) -> Iterator[tuple[Place, Any]]:
    metrics = json.loads(home.evaluation["metrics"])
    training, names = home.rows_of("training_dataset"), ", ".join(home.manifest["features"])
    rows, different = home.tables(f"SELECT count(*), count(DISTINCT ({names})) FROM {training}")[0]
    yield ("training", "rows"), rows
    yield ("training", "rows_identical_to_an_earlier_one"), rows - different
    (held,) = home.tables(f"SELECT count(*) FROM {home.rows_of('eval_holdout')}")[0]
    yield ("numbers", "holdout_rows"), held
    end = datetime.fromisoformat(home.row["dataset_day"]).replace(tzinfo=UTC) + timedelta(days=1)
    yield ("training", "may_score_from"), end.isoformat()
    yield ("training", "trained"), stored_time(home.row["created_at"])
    for name in ("average_precision", "baseline_average_precision"):
        yield ("numbers", name), float(np.mean([*metrics[f"{name}_by_kind"].values()]))
    shift = abs(metrics["anomaly_rate"] - metrics["training_anomaly_rate"])
    yield ("gates", Row(gate="anomaly_rate_near_training"), "value"), shift
    flagged = round(metrics["anomaly_rate"] * held)
    yield ("gates", Row(gate="anomaly_rate_in_range"), "value"), flagged / held


def promotion(home: Home) -> Iterator[tuple[Place, Any]]:
    previous, records = "0" * 64, home.sql("SELECT * FROM audit_log ORDER BY sequence")
    for each in records:
        link = [each["sequence"], each["kind"], each["row"], each["content"], previous]
        previous = sha256(json.dumps(link, separators=(",", ":")).encode())
    yield ("audit_log", "records"), len(records)
    yield ("audit_log", "head"), previous
    yield ("registered", "artifact_sha_256"), sha256((home.bundle("models", home.version) / "SHA256SUMS").read_bytes())
    moves = home.sql("SELECT * FROM alias_events WHERE version = ? ORDER BY id", home.version)
    yield ("moves", len), len(moves)
    for number, move in enumerate(moves):
        yield ("moves", number, "effective_from"), stored_time(move["effective_at"])
        yield ("moves", number, "before"), move["previous_version"]
        yield ("moves", number, "reason"), move["reason"]
        evidence = f"evidence_of_{move['alias']}_move_{move['sequence']}"
        held = datetime.fromisoformat(home.evaluation["holdout_day"]).replace(tzinfo=UTC) + timedelta(days=1)
        age = datetime.fromisoformat(stored_time(move["effective_at"])) - held
        yield (evidence, "facts.evaluation_age_days"), age / timedelta(days=1)
    decisions = home.sql("SELECT * FROM decisions WHERE version = ? ORDER BY id", home.version)
    yield ("decisions", len), len(decisions)
    refusals = home.sql("SELECT count(*) AS n FROM refusals WHERE version = ?", home.version)
    yield ("refusals", len), refusals[0]["n"]


def serving(home: Home) -> Iterator[tuple[Place, Any]]:
    files = sorted(home.bundle("models", home.version).iterdir())
    yield ("scorer", "bundle_bytes"), sum(file.stat().st_size for file in files if file.name != "SHA256SUMS")
    yield ("scorer", "allowed_mb"), float(home.policy["use_case"]["constraints"]["max_model_mb"])
    grouped = home.tables(
        "SELECT role, count(*), count(*) FILTER (in_sample), min(epoch(hour)), max(epoch(hour)) FROM predictions "
        "WHERE model_version = ? GROUP BY role ORDER BY role",
        home.version,
    )
    for number, (role, rows, in_sample, first, last) in enumerate(grouped):
        yield ("predictions", number, "role"), role
        yield ("predictions", number, "predictions"), rows
        yield ("predictions", number, "in_sample"), in_sample
        yield ("predictions", number, "first_hour"), iso(first)
        yield ("predictions", number, "last_hour"), iso(last)
    changes = home.sql("SELECT * FROM traffic_events WHERE candidate = ? ORDER BY alias, sequence", home.version)
    yield ("rollouts", len), len(changes)


def monitoring(home: Home) -> Iterator[tuple[Place, Any]]:
    """Outcomes from predictions and prices, not from the table of outcomes."""
    rows = home.tables(
        "SELECT p.score > p.threshold, 100 * (later.price / now.price - 1) FROM predictions p "
        "JOIN market_snapshot now USING (hour, instrument_id) LEFT JOIN market_snapshot later "
        "ON later.instrument_id = p.instrument_id AND epoch(later.hour) = epoch(p.hour) + ? "
        "WHERE p.model_version = ? AND NOT p.in_sample",
        DAY,
        home.version,
    )
    flagged = np.array([bool(flag) for flag, change in rows if change is not None])
    crashed = np.array([change <= ALLOWED_CHANGE for _, change in rows if change is not None])
    hits, flags, crashes, known = (int(each.sum()) for each in (flagged & crashed, flagged, crashed, flagged | True))
    yield ("outcomes", "predictions"), len(rows)
    yield ("outcomes", "resolved"), known
    yield ("outcomes", "unresolved"), len(rows) - known
    yield ("outcomes", "crashes"), crashes
    yield ("outcomes", "flagged"), flags
    yield ("outcomes", "true_positives"), hits
    precision, base_rate = hits / flags, crashes / known
    false_alarms = (flags - hits) / (known - crashes)
    rates = {"recall": hits / crashes, "precision": precision, "base_rate": base_rate, "lift": precision / base_rate}
    for name, value in {**rates, "false_alarm_rate": false_alarms}.items():
        yield ("rates", Row(rate=name), "value"), value
    yield ("success", Row(metric="false_alarm_rate"), "value"), false_alarms
    yield from _reasons(home)
    judged = home.tables(
        "SELECT epoch(day), state FROM drift_decision WHERE champion = ? ORDER BY day DESC LIMIT 1", home.version
    )
    for day, state in judged:
        yield ("drift", "day"), iso(day)[:10]
        yield ("drift", "state"), state


def _reasons(home: Home) -> Iterator[tuple[Place, Any]]:
    found = home.tables(
        "WITH parts AS (SELECT *, share / sum(share) OVER (PARTITION BY hour, instrument_id) AS part "
        "FROM prediction_reasons WHERE model_version = ?) "
        "SELECT family, count(*) FILTER (rank = 1), count(*), avg(part) FROM parts "
        "WHERE family <> 'remainder' GROUP BY family",
        home.version,
    )
    for family, first, named, part in found:
        yield ("reasons", Row(family=family), "first_reason"), first
        yield ("reasons", Row(family=family), "among_the_reasons"), named
        yield ("reasons", Row(family=family), "mean_part_of_the_score"), part


def rollback(home: Home) -> Iterator[tuple[Place, Any]]:
    promotion, case = home.policy["promotion"], home.policy["use_case"]
    yield ("retraining", "who_becomes_champion_by_itself"), promotion["automatic"]
    moves = home.sql("SELECT * FROM alias_events WHERE alias = 'champion' ORDER BY sequence")
    if moves[-1]["version"] != home.version:
        return
    target = moves[-1]["previous_version"]
    yield ("undo", "would_go_back_to"), target
    yield ("undo", "command"), f'mlreg rollback {target} --reason "…"'
    newest, rows = home.tables(
        "SELECT epoch(hour), count(*) FROM market_features GROUP BY hour ORDER BY hour DESC LIMIT 1"
    )[0]
    yield ("undo", "tried_on_the_newest_hour"), iso(newest)
    yield ("undo", "rows_of_that_hour"), rows
    compared, first, last = home.tables(
        "SELECT count(*), min(epoch(hour)), max(epoch(hour)) FROM predictions WHERE model_version = ?", target
    )[0]
    yield ("undo", "its_own_predictions_scored_again"), compared
    yield ("undo", "the_first_of_them"), iso(first)
    yield ("undo", "the_last_of_them"), iso(last)
    admitted = home.sql("SELECT gates FROM evaluations WHERE version = ? ORDER BY id", target)[-1]["gates"]
    passed = {gate["name"] for gate in json.loads(admitted) if gate["passed"]}
    asked = promotion[case["risk_tier"]]["gates"]
    yield ("undo", "asked_beyond_what_admitted_that_version"), [name for name in asked if name not in passed]


def reproducibility(home: Home) -> Iterator[tuple[Place, Any]]:
    names, source = home.manifest["features"], home.rows_of("training_dataset")
    columns = np.array(home.tables(f"SELECT {', '.join(names)} FROM {source}"), dtype=float)
    yield ("reproduction", "rows_scored_by_both"), len(columns)
    yield ("manifest", "training_rows"), len(columns)
    yield ("manifest", "usual.medians"), [float(each) for each in np.nanmedian(columns, axis=0)]
    (hours,) = home.tables(f"SELECT count(DISTINCT hour) FROM {source}")[0]
    yield ("manifest", "training_scores.rows_an_hour"), len(columns) / hours
    yield ("manifest", "identical_rows"), len(columns) - len(np.unique(columns, axis=0))
    sums = home.bundle("training_dataset", home.row["dataset_day"]) / "SHA256SUMS"
    yield ("manifest", "dataset_sha256"), sha256(sums.read_bytes())
    kept = json.loads((home.bundle("models", home.version) / "manifest.json").read_text())
    yield ("manifest", "threshold"), kept["threshold"]
    yield ("code", "seed"), kept["settings"]["seed"]


def operations(home: Home, runbook: Path) -> Iterator[tuple[Place, Any]]:
    yield ("ownership", "owner"), home.policy["use_case"]["owner"]
    yield ("ownership", "contacts"), home.policy["use_case"]["contacts"]
    yield ("ownership", "sha_256_of_the_runbook"), sha256(runbook.read_bytes())
    events = home.sql("SELECT * FROM incident_events ORDER BY incident, sequence")
    numbers = sorted({each["incident"] for each in events})
    yield ("incidents", len), len(numbers)
    for row, number in enumerate(numbers):
        own = [each for each in events if each["incident"] == number]
        over = [stored_time(each["occurred_at"]) for each in own if each["event"] == "resolved"]
        yield ("incidents", row, "incident"), number
        yield ("incidents", row, "began"), stored_time(own[0]["occurred_at"])
        yield ("incidents", row, "over"), over[0] if over else None
        yield ("incidents", row, "severity"), own[-1]["severity"]


def bundle(home: Home) -> Iterator[tuple[Place, Any]]:
    folders = (
        ("models", home.version),
        *((kind, home.row["dataset_day"]) for kind in ("training_dataset", "eval_holdout")),
    )
    files = [(kind, key, file) for kind, key in folders for file in sorted(home.bundle(kind, key).iterdir())]
    files = [each for each in files if each[2].name != "SHA256SUMS"]
    yield ("files", len), len(files)
    for kind, key, file in files:
        yield ("files", Row(bundle=f"{kind}/{key}", file=file.name), "sha_256"), sha256(file.read_bytes())


SECTIONS = {
    each.__name__: each
    for each in (
        use_case, lineage, evaluation, promotion, serving, monitoring, rollback, reproducibility, operations, bundle,
    )
}  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def stored_time(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat()
