"""Runs the whole lifecycle on the simulated market in a few minutes: three weeks, two models, their outcomes.

A finished step is not run again, so an interrupted demo resumes where it stopped.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from mlreg_dagster import jobs
from mlreg_dagster.cli.outcome_tables import outcomes_table, worth_table
from mlreg_dagster.cli.progress import step_progress
from mlreg_dagster.cli.tables import gates_table, history_table, versions_table
from mlreg_dagster.config import current_project
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.standing import standings
from mlreg_dagster.market.names import CRASH
from mlreg_dagster.models.evaluation.verdict import better_than, champion_in
from mlreg_dagster.models.names import CHALLENGER, CHAMPION, NOBODY
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.orchestration.resources import current_actor
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.performance.metrics import summary
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.registry import Registry
from mlreg_dagster.runner import Runner, asset_config
from mlreg_dagster.storage.warehouse.reader import Tables

DAYS = 21
DATASET_DAY = 13
TAKEOVER_DAYS = 2
"""Days of market; day of the dataset, counted from the start; days after which the second model may take over."""

VERSIONS = {"v1": "model", "v2": "model_lof"}
"""Version to config file."""

_DAY = pd.Timedelta(days=1)


class NotADemoHome(MlregError):
    """The home holds other models than those of the demo."""


def run_demo(runner: Runner, console: Console) -> None:
    """Ingest, freeze, train, evaluate, promote, predict, validate; then print a report.

    Raises:
        HomeInUse: Another replay, demo or sweep works on this home.
        NotADemoHome: The source is not the simulated market, or other models live in this home.
        RunFailed: A step failed; running the demo again goes on from there.
    """
    with alone_on(runner.home):
        _run(runner, console)


def _run(runner: Runner, console: Console) -> None:
    start = runner.settings.ingest.first_hour.floor("D")
    _require_demo_home(runner, start)
    predicted = hour_range(start + (DATASET_DAY + 1) * _DAY, start + (DAYS - 1) * _DAY - HOUR)
    steps = _plan(runner, start)
    with step_progress(console, len(steps)) as advance:
        for number, (text, work) in enumerate(steps, start=1):
            advance(text, number)
            work()
    _report(runner, console, predicted)


def _plan(runner: Runner, start: pd.Timestamp) -> list[tuple[str, Callable[[], None]]]:
    """List every step with its description."""
    market = hour_range(start, start + DAYS * _DAY - HOUR)
    steps: list[tuple[str, Callable[[], None]]] = []
    for name, part in (("first", market[: len(market) // 2]), ("second", market[len(market) // 2 :])):
        steps.append(
            (
                f"{name} half of {DAYS} days of market and features",
                _hours(runner, jobs.MARKET, part, "market_features"),
            )
        )
    day, live = start + DATASET_DAY * _DAY, start + (DATASET_DAY + 1) * _DAY
    steps.append((f"freeze training data and holdout of {day_key(day)}", _freeze(runner, day)))
    for version, model in VERSIONS.items():
        detector = runner.settings.model(model).detector.replace("_", " ")
        steps.append((f"{version}: train ({detector})", _train(runner, version, model, day)))
        steps.append((f"{version}: evaluate against all gates", _evaluate(runner, version)))
        steps += _moves(runner, version, live)
    scored = _hours(runner, jobs.SCORING, market, *jobs.HOURLY_ASSETS[2:])  # all hours: automation makes up for none
    steps.append(("predict with the champion as of each hour, and determine the outcomes 24 hours later", scored))
    steps.append(("measure how right they were, and whether anything drifts", _measure(runner, market)))
    return steps


def _moves(runner: Runner, version: str, live: pd.Timestamp) -> list[tuple[str, Callable[[], None]]]:
    """The first version becomes champion; the second shadows it, and takes over later if it is told apart as better."""
    if version == "v1":
        move = _promote(runner, version, CHAMPION, live, "first to pass its gates", _passed)
        return [("v1: champion, if its gates passed", move)]
    takeover = live + TAKEOVER_DAYS * _DAY
    shadow = _promote(runner, version, CHALLENGER, live, "to be compared with the champion", _passed)
    move = _promote(runner, version, CHAMPION, takeover, "told apart as better on the holdout", _is_better)
    return [
        ("v2: challenger, if its gates passed", shadow),
        ("v2: champion, if it is told apart as better", move),
    ]


def _hours(runner: Runner, job: str, hours: pd.DatetimeIndex, *assets: str) -> Callable[[], None]:
    def work() -> None:
        keys = list(map(hour_key, hours))
        if not all(runner.has_made(each, keys) for each in assets):
            runner.run_hours(job, hours)

    return work


def _freeze(runner: Runner, day: pd.Timestamp) -> Callable[[], None]:
    return lambda: runner.run_partition(jobs.DATASETS, day_key(day))


def _train(runner: Runner, version: str, model: str, day: pd.Timestamp) -> Callable[[], None]:
    def work() -> None:
        runner.add_version(version)
        config = {"model": model, "dataset": day_key(day)}
        runner.run_partition(jobs.TRAIN, version, asset_config("candidate_model", config))

    return work


def _evaluate(runner: Runner, version: str) -> Callable[[], None]:
    def work() -> None:
        if not runner.has_made("evaluated_model", [version]):
            runner.run_partition(jobs.EVALUATE, version)

    return work


def _promote(
    runner: Runner,
    version: str,
    alias: str,
    effective_at: pd.Timestamp,
    reason: str,
    condition: Callable[[Registry, str], bool],
) -> Callable[[], None]:
    def work() -> None:
        registry = runner.registry
        if any(event.version == version for event in registry.history(alias)) or not condition(registry, version):
            return
        holder = registry.holder(alias)
        expected = holder.version if holder else NOBODY
        actor = current_actor(None)
        runner.move_alias(PromotionRequest(version, reason, actor, alias, effective_at.isoformat(), expected))

    return work


def _passed(registry: Registry, version: str) -> bool:
    return registry.status(version) == "evaluated"


def _is_better(registry: Registry, version: str) -> bool:
    """Passed all gates, and is told apart from the champion as the better one."""
    return _passed(registry, version) and _against_champion(registry, version)[0]


def _against_champion(registry: Registry, version: str) -> tuple[bool, str]:
    evaluation = registry.latest_evaluation(version)
    versus = evaluation.metrics["versus_champion"] if evaluation else {}
    return better_than(versus, champion_in(versus))


def _measure(runner: Runner, hours: pd.DatetimeIndex) -> Callable[[], None]:
    def work() -> None:
        days = hours.normalize().unique()
        if not all(runner.has_made(each, map(day_key, days)) for each in jobs.PERFORMANCE_ASSETS):
            runner.run_days(jobs.PERFORMANCE, days)

    return work


def _report(runner: Runner, console: Console, predicted: pd.DatetimeIndex) -> None:
    registry, settings = runner.registry, runner.settings.outcomes
    console.print(versions_table(standings(registry, pd.Timestamp.now(tz="UTC"))))
    for version in registry.versions():
        evaluation = registry.latest_evaluation(version.version)
        if evaluation:
            console.print(gates_table(evaluation))
    console.print(history_table(event for alias in registry.aliases() for event in registry.history(alias)))
    outcomes = runner.warehouse.read(PREDICTION_OUTCOMES)
    outcomes = outcomes[outcomes["role"] != RANKING]
    console.print(outcomes_table(summary(outcomes, settings).to_dict("records"), settings.confidence))
    console.print(_truth_table(runner, outcomes, predicted))
    with runner.warehouse.connect() as connection:
        worth = newest_worth(Tables(connection, runner.warehouse.place))
    console.print(worth_table(worth))
    champion, challenger = registry.holder(CHAMPION), registry.holder(CHALLENGER)
    if champion and challenger and champion.version != challenger.version:
        standing = _against_champion(registry, challenger.version)[1]
        console.print(f"{challenger.version} stays challenger: it {standing}", markup=False)
    shell = "" if current_project() else 'eval "$(mlreg env)" && '
    holder = champion.version if champion else "nobody"
    console.print(f"Champion: [bold]{holder}[/]. Look around in the UI: [bold]{shell}dagster dev[/]")


def _truth_table(runner: Runner, outcomes: pd.DataFrame, predicted: pd.DatetimeIndex) -> RichTable:
    """The crashes that were planted within the predicted hours, against what predictions and outcomes say."""
    planted = runner.source.planted_events(predicted[0] + HOUR, predicted[-1])  # type: ignore[attr-defined]
    crashes = planted[planted["kind"] == "crash"]
    table = RichTable(title="Planted crashes against predictions", title_justify="left", title_style="bold")
    for column in ("planted", "how many", "seen as crash by outcomes", "flagged within 24 h before"):
        table.add_column(column)
    for text, kind in (("after a run-up", True), ("out of the blue", False)):
        chosen = crashes[crashes["preceded_by_run_up"] == kind]
        seen = [_before(outcomes, crash) for crash in chosen.itertuples()]
        table.add_row(
            text,
            str(len(chosen)),
            str(sum(bool((rows["outcome"] == CRASH).any()) for rows in seen)),
            str(sum(bool((rows["is_anomaly"] & (rows["outcome"] == CRASH)).any()) for rows in seen)),
        )
    return table


def _before(outcomes: pd.DataFrame, crash: Any) -> pd.DataFrame:
    """Outcomes of the predictions for the crashing instrument within 24 h before the fall is over."""
    rows = outcomes[outcomes["instrument_id"] == crash.instrument_id]
    due = rows["prediction_hour"].between(crash.end - 24 * HOUR, crash.start, inclusive="left")
    before: pd.DataFrame = rows[due]
    return before


def _require_demo_home(runner: Runner, start: pd.Timestamp) -> None:
    if runner.settings.ingest.source != "simulated":
        raise NotADemoHome("The demo runs on the simulated market. Unset MLREG_CONFIG_DIR, or set source: simulated.")
    dataset_day = day_key(start + DATASET_DAY * _DAY)
    for version in runner.registry.versions():
        if version.version not in VERSIONS or version.dataset_day != dataset_day:
            raise NotADemoHome(
                f"This home holds {version.version} of dataset {version.dataset_day}, which is not the demo's. Set "
                f"MLREG_HOME to an empty folder for the demo."
            )
