"""The whole lifecycle on real archives, in one command.

    python benchmarks/real_data.py [crypto|vn_stocks] [folder]

It does what a person would do with `dagster asset materialize`, `mlreg replay` and `mlreg compare`, as processes of
their own on a new home, and prints the moves, both versions and the outcomes. The folder holds the archives (default:
MLREG_TEST_DATA, or `shared/data` beside the project).
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Story:
    """What to run on one archive.

    Attributes:
        ingest: Its ingest.yaml, without the archive's path.
        configs: Its other config files.
        archive: File name of the archive.
        market: First and last hour to ingest.
        replay: First and last day that is lived through: the first one trains both models.
    """

    archive: str
    ingest: dict[str, object]
    configs: dict[str, dict[str, object]]
    market: tuple[str, str]
    replay: tuple[str, str]


NO_MARKET_CAP = ["market_cap_to_volume", "slog_market_cap_to_volume"]

STORIES = {
    "crypto": Story(
        archive="crypto_hourly_2017.parquet",
        ingest={
            "start": "2017-11-01T00:00",
            "end": "2018-01-01T00:00",
            "universe": 7,
            "checks": {"unknown_features": NO_MARKET_CAP},
        },
        configs={},
        market=("2017-11-20-00:00", "2017-12-26-23:00"),
        replay=("2017-12-20", "2017-12-26"),
    ),
    "vn_stocks": Story(
        archive="vn_stocks_hourly.parquet",
        ingest={
            "start": "2024-05-01T00:00",
            "end": "2024-07-01T00:00",
            "universe": 286,
            "checks": {
                "allow_empty_hours": True,
                "completeness_columns": ["price", "volume_24h"],
                "unknown_features": NO_MARKET_CAP,
            },
        },
        configs={
            # the market is open five hours a day, five days a week
            "datasets": {
                "min_training_hours": 15,
                "min_holdout_hours": 3,
                "min_snapshots_per_instrument": 10,
            },
            "features": {"min_window_share": 0.1},
            "outcomes": {"crash_pct": -5.0},
        },
        market=("2024-05-20-00:00", "2024-06-29-23:00"),
        replay=("2024-06-14", "2024-06-29"),
    ),
}


def main() -> None:
    """Run one story, or all of them, each on an empty home."""
    chosen = sys.argv[1:2] or list(STORIES)
    data = Path(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("MLREG_TEST_DATA", PROJECT.parent / "shared/data"))
    for name in chosen:
        story = STORIES[name]
        if not (data / story.archive).exists():
            sys.exit(f"There is no {story.archive} in {data}. Name the folder that holds it.")
        with tempfile.TemporaryDirectory(prefix="mlreg-") as folder:
            configs = Path(folder) / "configs"
            write_configs(story, data, configs)
            run_story(story, environment(Path(folder) / "home", configs))


def write_configs(story: Story, data: Path, folder: Path) -> None:
    """The config files that differ from the project's own."""
    archive = {"path": str((data / story.archive).resolve()), "exclude": ["vnindex"]}
    files = story.configs | {"ingest": {"source": "archive", **story.ingest, "archive": archive}}
    folder.mkdir(parents=True)
    for name, values in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))


def environment(home: Path, configs: Path) -> dict[str, str]:
    """As `eval "$(mlreg env)"` sets it."""
    base = os.environ | {
        "MLREG_HOME": str(home),
        "MLREG_CONFIG_DIR": str(configs),
        "MLREG_ACTOR": "benchmark",
    }
    base.pop("DAGSTER_HOME", None)
    exports = subprocess.run([BIN / "mlreg", "env"], env=base, check=True, capture_output=True, text=True).stdout
    return base | dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines())


def run_story(story: Story, env: dict[str, str]) -> None:
    """Ingest to outcomes, by the commands of the README; the past is lived through on a simulated clock."""
    market = ("--select", "market_snapshot,market_features", "--partition-range", "...".join(story.market))
    _dagster(env, "asset", "materialize", *market)
    first, last = story.replay
    report = Path(env["MLREG_HOME"]) / "replay.html"
    days = ("--from", first, "--to", last, "--retrain", "monthly")
    _mlreg(env, "replay", *days, "--models", "model,model_lof", "--policy", "passed", "--report", str(report))
    _mlreg(env, "compare", "v1", "v2")
    _mlreg(env, "status")


def _dagster(env: dict[str, str], *arguments: str) -> None:
    command = [BIN / "dagster", *arguments, "-m", "mlreg_dagster.definitions"]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    print("$ dagster", *arguments, flush=True)
    if done.returncode:
        sys.exit(done.stdout[-5000:] + done.stderr[-5000:])


def _mlreg(env: dict[str, str], *arguments: str) -> None:
    print("$ mlreg", *arguments, flush=True)
    done = subprocess.run([BIN / "mlreg", *arguments], env=env, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.stderr[-5000:])


if __name__ == "__main__":
    main()
