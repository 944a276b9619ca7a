"""When to retrain: by the table of drift, weekly or never, day by day on a real archive.

    python benchmarks/retraining.py run crypto|vn FOLDER [table,weekly,never] [weeks]
    python benchmarks/retraining.py report FOLDER

`run` makes the market of the archive once, then plays each policy on a copy of it: the same jobs, drift families,
decision table, gates and outcomes as in use. All begin with the first version whose gates pass; a later one becomes
champion where its gates pass, so that the policies differ in nothing but when they train. A day's decision trains on
the next midnight. Each policy adds a line to FOLDER/results.jsonl and leaves its outcomes beside it, so that a long
run can be cut into parts: a policy that is there is not run again. The timeline of the table is written as
FOLDER/ARCHIVE.html. `report` prints the tables: each policy by itself, and their paired differences.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import yaml
from retraining_timeline import timeline
from rich.console import Console
from rich.table import Table
from worth import PROJECT, STORIES, Story, open_runner, write_configs

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, day_key, hour_range
from mlreg_dagster.datasets.freezing import TRAINING, load
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.drift.facts import facts_reader
from mlreg_dagster.monitoring.response.decisions import Cause, Decision
from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.fold import fold
from mlreg_dagster.monitoring.response.stored import rows_of
from mlreg_dagster.orchestration.console import terse_console
from mlreg_dagster.orchestration.partitions import range_tags
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.performance.metrics import summary
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.counts import counts_by_day
from mlreg_dagster.outcomes.worth.daily import ROWS
from mlreg_dagster.outcomes.worth.difference import MEASURES, paired_difference
from mlreg_dagster.outcomes.worth.verdict import crashes_of, worth_of_counts
from mlreg_dagster.replay.champions import retrain
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.runner import Runner

POLICIES = ("table", "weekly", "never")
WHOLE = {
    "crypto": replace(STORIES["crypto"], first="2017-05-01", opens="2016-01-01T00:00"),
    "vn": replace(STORIES["vn"], opens="2023-09-12T00:00"),
}
"""From where versions pass their gates and quiet days are there; what lies before is history: crypto before May 2017
has three coins, VN has 2024 as in `worth.py`."""

_DAY = pd.Timedelta(days=1)
_PERIOD = 7 * _DAY
_TRAINING_ENDED = 14
"""The row of the table by which a training that was asked for ended without a champion."""
_MODEL = {"params": {"n_estimators": 100, "max_samples": 1.0}}
"""The default forest with half of its trees, as it is trained a hundred times."""
_MEASURED = [
    dg.AssetKey(each) for each in jobs.PERFORMANCE_ASSETS[:-1]
]  # the decisions are folded here, so that days can be taken back


def run(name: str, folder: Path, policies: list[str], weeks: int | None = None) -> None:
    """Play the policies that have no line yet."""
    folder.mkdir(parents=True, exist_ok=True)
    done = {(each["archive"], each["policy"]) for each in _results(folder)}
    story = WHOLE[name]
    first = as_hour(story.first)
    end = as_hour(story.end) if weeks is None else first + weeks * _PERIOD
    for policy in policies:
        if (name, policy) in done:
            continue
        began = time.process_time()
        home = folder / f"{name}_{policy}"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(_market(name, story, folder), home)
        course = Course(open_runner(home), policy, first, end)
        course.play()
        line = {"archive": name, "policy": policy, "cpu_s": round(time.process_time() - began), **course.result()}
        course.outcomes().to_parquet(folder / f"{name}_{policy}.parquet")
        if policy == "table":
            page = timeline(course.runner, name, first, end, rows_of(course.decisions))
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
        with (folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def _market(name: str, story: Story, folder: Path) -> Path:
    """A home with the features of the whole archive; made once."""
    made = folder / f"{name}_market"
    if not made.exists():
        draft = folder / f"{name}_draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        write_configs(story, Path(os.environ.get("MLREG_TEST_DATA", PROJECT.parent / "shared/data")), draft)
        reasons = {**story.configs.get("outcomes", {}), "reasons": {"pairs": 0}}
        (draft / "configs/outcomes.yaml").write_text(yaml.safe_dump(reasons))
        (draft / "configs/model.yaml").write_text(yaml.safe_dump(_MODEL))
        runner = open_runner(draft)
        runner.run_hours(jobs.MARKET, hour_range(runner.settings.ingest.first_hour, as_hour(story.end) - HOUR))
        draft.rename(made)
    return made


@dataclass
class Course:
    """One policy on one archive: its facts, its decisions, its trainings."""

    runner: Runner
    policy: str
    first: pd.Timestamp
    end: pd.Timestamp
    facts: list[DayFacts] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    trained: dict[str, tuple[date, str]] = field(default_factory=dict)
    """By cause: from which day on there is a result, and which."""
    causes: list[str] = field(default_factory=list)
    on_bad_days: int = 0

    def play(self) -> None:
        """From the first day to the last, some weeks at once; a decision that trains ends them."""
        begin, asked = self.first, None
        while begin < self.end:
            self._train(begin, asked)
            waits = asked is not None and asked.cause is not None and asked.cause.key not in self.trained
            stop = min(begin + (_DAY if waits else self._ahead()), self.end)
            if self.policy == "weekly":
                for monday in pd.date_range(begin + _PERIOD, stop - _DAY, freq=_PERIOD, unit="us"):
                    self._train(monday, None)
            self._score(begin, stop)
            self._decide(begin, stop)
            if not waits:
                asked = self._asked(begin)
            if asked is not None and not waits:
                stop = pd.Timestamp(asked.facts.day, tz="UTC") + _DAY
                self.facts = [each for each in self.facts if each.day <= asked.facts.day]
            if waits and self.decisions and self.decisions[-1].row == _TRAINING_ENDED:
                asked = None
            begin = stop
        self._decide(self.end, self.end)

    def _ahead(self) -> pd.Timedelta:
        """How far to go at once: what comes after a training that is asked for is done again."""
        settled = not self.decisions or self.decisions[-1].state in ("unknown", "stable", "cooldown")
        has_champion = self.runner.registry.holder(CHAMPION) is not None
        return 4 * _PERIOD if has_champion and settled else _PERIOD

    def _train(self, begin: pd.Timestamp, asked: Decision | None) -> None:
        """Train at a midnight, where the policy says so."""
        champion, before = self.runner.registry.holder(CHAMPION), len(self.runner.registry.versions())
        promotion = self.runner.settings.promotion.model_copy(update={"automatic": "passed"})
        plan = Replay(self.first, self.end, 7, ("model",), promotion)
        cause = asked.cause if asked is not None else None
        if champion is None or self.policy == "weekly":
            retrain(self.runner, plan, begin, self._say)
        elif cause is not None and cause.key not in self.trained:
            reason = " ".join(asked.reasons)[:1900] if asked is not None else ""
            why = {"trigger": cause.trigger, "cause": cause.key, "reason": reason}
            retrain(self.runner, plan, begin, self._say, why)
        versions = self.runner.registry.versions()[before:]
        holder = self.runner.registry.holder(CHAMPION)
        for version in versions:
            self.causes.append(cause.key if cause is not None and champion is not None else "schedule")
            hours = load(self.runner.artifacts, TRAINING, version.dataset_day, version.dataset_sha256).lineage["hours"]
            severe = {f"{each.day}" for each in self.facts if each.quality == "severe"}
            self.on_bad_days += bool(severe & {hour[:10] for hour in hours})
            if cause is not None:
                promoted = holder is not None and holder.version == version.version
                self.trained[cause.key] = (begin.date(), "promoted" if promoted else "rejected")

    def _score(self, begin: pd.Timestamp, stop: pd.Timestamp) -> None:
        """Predictions, outcomes and sketches of the hours; of the days what the table needs."""
        runner = self.runner
        runner.run_hours(jobs.SCORING, hour_range(begin, stop - HOUR))
        if self.policy != "table":
            return
        job = runner.definitions.resolve_job_def(jobs.PERFORMANCE).with_logger_defs({"console": terse_console})
        tags = range_tags(day_key(begin), day_key(stop - _DAY))
        quiet = {"loggers": {"console": {}}}
        result = job.execute_in_process(
            instance=runner.instance, run_config=quiet, tags=tags, asset_selection=_MEASURED, raise_on_error=True
        )
        assert result.success

    def _decide(self, begin: pd.Timestamp, stop: pd.Timestamp) -> None:
        """Fold the facts up to a midnight."""
        settings = self.runner.settings
        if begin < stop and self.policy == "table":
            days = pd.date_range(begin, stop - _DAY, freq="D", unit="us")
            self.facts += facts_reader(settings)(self.runner.warehouse, self.runner.registry, days)
        self.decisions = list(fold(self.facts, self._training_of, settings.drift.response))

    def _training_of(self, cause: Cause, day: date) -> Any:
        since, found = self.trained.get(cause.key, (None, "none"))
        return found if since is not None and day >= since else "none"

    def _asked(self, begin: pd.Timestamp) -> Decision | None:
        """The first decision from a day on that asks for a training."""
        recent = [each for each in self.decisions if each.facts.day >= begin.date() and each.trains]
        return recent[0] if recent and self.policy == "table" else None

    def _say(self, step: str, clock: pd.Timestamp) -> None:
        print(f"{self.policy} {clock:%Y-%m-%d} {step}", file=sys.stderr, flush=True)

    def outcomes(self) -> pd.DataFrame:
        """The outcomes of the champions, and of the rankings on the same rows."""
        rows = self.runner.warehouse.read(PREDICTION_OUTCOMES, self.first, self.end, columns=ROWS)
        rows = rows[rows["role"].isin([CHAMPION, RANKING])]
        version = rows["model_version"].where(rows["role"] == RANKING, self.policy)
        return rows.assign(version=rows["model_version"], model_version=version)

    def result(self) -> dict[str, Any]:
        """How it did."""
        settings, rows = self.runner.settings.outcomes, self.outcomes()
        own = rows[rows["role"] == CHAMPION]
        rates = summary(own, settings).iloc[0].to_dict()
        rankings = sorted(rows.loc[rows["role"] == RANKING, "model_version"].unique())
        until = self.end - settings.horizon_hours * HOUR
        counts = {
            each: counts_by_day(rows, self.policy, each, settings.worth.budget, self.first, until.floor("D"))
            for each in rankings
        }
        worth = worth_of_counts(self.policy, counts, crashes_of(rows, self.policy), until, settings.worth)
        wanted = [f"{rate}{end}" for rate in ("recall", "precision", "lift") for end in ("", "_low", "_high")]
        best = worth.best
        return {
            "days": (self.end - self.first).days,
            "resolved": int(rates["resolved"]),
            "crashes": int(rates["crashes"]),
            "flagged": rates["flagged"] / rates["resolved"],
            **{each: float(rates[each]) for each in wanted},
            "worth": worth.verdict,
            "best": best.opponent if best else None,
            "best_precision": vars(best.precision) if best else None,
            "weeks": best.weeks if best else 0,
            "episodes": best.independent_episodes if best else 0,
            "trainings": len(self.causes),
            "causes": self.causes,
            "champions": len(self.runner.registry.history(CHAMPION)),
            "trained_on_severe_days": self.on_bad_days,
            "states": pd.Series([each.state for each in self.decisions]).value_counts().to_dict(),
        }


def report(folder: Path) -> None:
    """Print the policies, then their paired differences."""
    console, found = Console(width=190), list(_results(folder))
    rates = ("recall", "precision", "lift")
    columns = ("trainings", "champions", "flagged", *rates, "best ranking", "difference", "worth")
    for archive in WHOLE:
        own = [each for each in found if each["archive"] == archive]
        if not own:
            continue
        title = "{}: {} days, {resolved:,} outcomes, {crashes:,} crashes".format(archive, own[0]["days"], **own[0])
        table = Table("policy", *columns, "days in each state", title=title)
        for each in own:
            measured = [_ends(each, name, 100 if name != "lift" else 1) for name in rates]
            best = each["best_precision"]
            cells = ["-", "-"] if best is None else [each["best"].removeprefix(f"{RANKING}:"), _difference(best)]
            states = ", ".join(f"{state} {days}" for state, days in each["states"].items())
            numbers = [str(each["trainings"]), str(each["champions"]), f"{100 * each['flagged']:.1f}"]
            table.add_row(each["policy"], *numbers, *measured, *cells, each["worth"], states)
        console.print(table)
        table = Table("", *MEASURES, title=f"{archive}: paired differences in points, at the same flag budget")
        for pair, paired in _pairs(folder, archive, [each["policy"] for each in own]):
            settings = open_settings(folder, archive)
            table.add_row(pair, *[_difference(vars(paired_difference(paired, each, settings))) for each in MEASURES])
        console.print(table)


def open_settings(folder: Path, archive: str) -> Any:
    """How worth is measured on an archive."""
    return open_runner(folder / f"{archive}_market").settings.outcomes.worth


def _pairs(folder: Path, archive: str, policies: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    rows = {each: pd.read_parquet(folder / f"{archive}_{each}.parquet") for each in policies}
    budget = open_settings(folder, archive).budget
    for place, left in enumerate(policies):
        for right in policies[place + 1 :]:
            both = pd.concat([rows[each][rows[each]["role"] == CHAMPION] for each in (left, right)])
            yield f"{left} - {right}", counts_by_day(both, left, right, budget)


def _ends(line: dict[str, Any], name: str, scale: float) -> str:
    value, low, high = (scale * line[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _difference(found: dict[str, Any]) -> str:
    value, low, high = (found[name] for name in ("difference", "low", "high"))
    if value is None:
        return "-"
    return f"{100 * value:+.1f}" + (f" ({100 * low:+.1f} to {100 * high:+.1f})" if low is not None else "")


def _results(folder: Path) -> Iterator[dict[str, Any]]:
    path = folder / "results.jsonl"
    yield from map(json.loads, path.read_text().splitlines() if path.exists() else [])


if __name__ == "__main__":
    what, *given = sys.argv[1:] or ["run", "crypto", "retraining"]
    if what == "run":
        chosen = given[2].split(",") if len(given) > 2 else list(POLICIES)
        run(given[0], Path(given[1]), chosen, int(given[3]) if len(given) > 3 else None)
    report(Path(given[1] if what == "run" else given[0]))
