"""Six processes, each running the promote job on one home at the same moment.

A program of its own, so that the processes are forked from one that has loaded everything and runs no threads:
python -m mlreg_dagster_tests.governance.promotion.promoting <home> <config_dir>
"""

import json
import multiprocessing
import sys
from pathlib import Path

import dagster as dg

from mlreg_dagster import jobs
from mlreg_dagster.config import load_settings
from mlreg_dagster.governance.promotion import promotion
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.runner import RunFailed, Runner, asset_config
from mlreg_dagster_tests.lifecycle import NOW

__all__ = ["promotion"]  # the job imports it when it runs

COUNT, WAIT_S = 6, 600


def promote(runner, version, barrier, outcomes):
    runner.instance = dg.DagsterInstance.ephemeral()
    config = {"version": version, "reason": "each believes in its own", "actor": "racer", "expected": "nobody"}
    error = ""
    barrier.wait(WAIT_S)
    try:
        runner.run(jobs.PROMOTE, asset_config("champion_model", config))
    except RunFailed as refused:
        error = str(refused)
    outcomes.put((version, error))


def main(home, config_dir):
    fork = multiprocessing.get_context("fork")
    barrier, outcomes = fork.Barrier(COUNT), fork.Queue()
    runner = Runner(
        dg.DagsterInstance.ephemeral(), load_settings(Path(config_dir)), Path(home), {"clock": Clock(fixed=NOW)}
    )
    versions = ["v1", "v2"] * (COUNT // 2)
    for version in versions:
        fork.Process(target=promote, args=(runner, version, barrier, outcomes), daemon=True).start()
    print(json.dumps([outcomes.get(timeout=WAIT_S) for _ in versions]))


if __name__ == "__main__":
    main(*sys.argv[1:])
