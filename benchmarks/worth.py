"""Is a model worth having: policies and simple rankings on a real archive, through a replay as users run it.

    python benchmarks/worth.py crypto|vn [folder] [models] [weeks]

Replays the archive week by week (crypto: June to December 2017, a crash is -15 %; VN stocks: 2024, -5 %). Each week
every model file is trained and evaluated; its versions score beside the champion, which is selected by matured
outcomes. Printed is, for each policy, how its champions did as one: flagged share, precision and the paired difference
to the best simple ranking at the same flag budget, with intervals from resampled weeks; and the rankings alone.
`folder` holds the archives (default: MLREG_TEST_DATA, or `shared/data` beside the project). Where `models` name
`model_classifier`, datasets hold the labelled rows of the whole archive before them; it is trained from the week on in
which these have 100 crash episodes.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.orchestration.resources import ReplayClock
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.performance.metrics import summary
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.replay.comparison import compare_policies
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.report import make_report
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.homes import prepare_home

PROJECT = Path(__file__).resolve().parent.parent
CLASSIFIER = "model_classifier"
MODELS = "model,model_plain,model_lof,model_neighbors,model_ensemble"
PLAIN = {"detector": "isolation_forest", "whiten": False}
"""The forest on scaled features, without principal components."""


@dataclass(frozen=True)
class Story:
    """An archive, and what differs from the project's own configuration on it."""

    archive: str
    first: str
    end: str
    opens: str
    labelled_from: str
    universe: int
    configs: dict[str, dict[str, object]]


STORIES = {
    "crypto": Story(
        "crypto_hourly_2017.parquet", "2017-06-05", "2017-12-31", "2017-05-01T00:00", "2016-01-08T00:00", 7,
        {"datasets": {"min_snapshots_per_instrument": 24}},
    ),
    "vn": Story(
        "vn_stocks_hourly.parquet", "2024-01-01", "2024-12-30", "2023-11-27T00:00", "2023-09-18T00:00", 286,
        {
            # the market is open five hours a day, five days a week
            "datasets": {"min_training_hours": 15, "min_holdout_hours": 3, "min_snapshots_per_instrument": 10},
            "features": {"min_window_share": 0.1},
            "outcomes": {"crash_pct": -5.0},
        },
    ),
}  # fmt: skip


def main() -> None:
    """Replay, then print the tables."""
    name = sys.argv[1] if len(sys.argv) > 1 else "crypto"
    given = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("MLREG_TEST_DATA", PROJECT.parent / "shared/data")
    models = (sys.argv[3] if len(sys.argv) > 3 else MODELS).split(",")
    story, data = STORIES[name], Path(given)
    if not (data / story.archive).exists():
        sys.exit(f"There is no {story.archive} in {data}. Name the folder that holds it.")
    first, end = as_hour(story.first), as_hour(story.end)
    if len(sys.argv) > 4:
        end = first + pd.Timedelta(weeks=int(sys.argv[4]))
    with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
        runner = make_runner(story, data, Path(folder), labelled=CLASSIFIER in models)
        plan = Replay(first, end, 7, tuple(models), runner.settings.promotion, "outcomes", compares=True)
        run_replay(runner, plan, lambda step, clock: print(f"{clock:%Y-%m-%d} {step}", file=sys.stderr, flush=True))
        report = Path(f"worth_{name}.html")
        report.write_text(make_report(runner, plan), encoding="utf-8")
        print_tables(name, runner, plan)
        print(f"The report is in {report}.")


def make_runner(story: Story, data: Path, folder: Path, *, labelled: bool = False) -> Runner:
    """The project's own settings, but for those of the story, on a home of its own."""
    write_configs(story, data, folder, labelled=labelled)
    return open_runner(folder)


def write_configs(story: Story, data: Path, folder: Path, *, labelled: bool = False) -> None:
    """The settings of a story, in the folder of its home."""
    story_configs = {name: dict(values) for name, values in story.configs.items()}
    if labelled:
        days = (as_hour(story.end) - as_hour(story.labelled_from)).days
        story_configs["datasets"]["label_days"] = days  # what lies before the archive is not there
    configs = folder / "configs"
    configs.mkdir()
    archive = {"path": str((data / story.archive).resolve()), "exclude": ["vnindex"]}
    ingest: dict[str, object] = {
        "source": "archive",
        "start": story.labelled_from if labelled else story.opens,
        "end": f"{story.end}T00:00",
        "universe": story.universe,
        "archive": archive,
        "checks": {"allow_empty_hours": True, "completeness_columns": ["price", "volume_24h"]},
    }
    for name, values in {"ingest": ingest, "model_plain": PLAIN, **story_configs}.items():
        (configs / f"{name}.yaml").write_text(yaml.safe_dump(values))


def open_runner(folder: Path) -> Runner:
    """The graph on the home in a folder that holds its settings."""
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.update(prepare_home(folder / "home"))
    settings = load_settings(folder / "configs")
    return Runner(settings=settings, home=folder / "home", resources={"clock": ReplayClock()})


def print_tables(name: str, runner: Runner, plan: Replay) -> None:
    """Policies against the best ranking, then the rankings alone."""
    console, settings = Console(width=170), runner.settings.outcomes
    table = Table(
        "policy", "versions", "flagged", "precision", "best ranking", "its precision", "difference",
        "AP - its AP", "weeks", "episodes", "worth", title=f"{name}: policies", title_justify="left",
    )  # fmt: skip
    for each in compare_policies(runner.warehouse, plan.first, plan.end, settings):
        best = each.worth.best
        if best is None:
            table.add_row(each.policy, str(each.versions), *["-"] * 8, each.worth.verdict)
            continue
        table.add_row(
            each.policy,
            str(each.versions),
            share(best.flagged_share),
            share(best.precision.value),
            best.opponent.removeprefix(f"{RANKING}:"),
            share(best.precision.opponent),
            interval(best.precision),
            interval(best.average_precision),
            str(best.weeks),
            str(best.independent_episodes),
            each.worth.verdict,
        )
    console.print(table)
    rows = runner.warehouse.query(
        f"SELECT * FROM {PREDICTION_OUTCOMES.name} WHERE role = $role",
        {"role": RANKING},
    )
    table = Table("ranking", "flagged", "precision", "lift", title=f"{name}: rankings", title_justify="left")
    for row in summary(rows, settings).to_dict("records"):
        table.add_row(
            row["model_version"].removeprefix(f"{RANKING}:"),
            share(row["flagged"] / row["resolved"]),
            share(row["precision"]),
            f"{row['lift']:.2f} ({row['lift_low']:.2f} to {row['lift_high']:.2f})",
        )
    console.print(table)


def share(value: float | None) -> str:
    """In %."""
    return "-" if value is None else f"{value:.1%}"


def interval(found: object) -> str:
    """A paired difference with its interval, in points."""
    value, low, high = (getattr(found, name) for name in ("difference", "low", "high"))
    if value is None:
        return "-"
    ends = "" if low is None or high is None else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{100 * value:+.1f}{ends}"


if __name__ == "__main__":
    main()
