"""What the tests of retention put into a home, and the policies they keep it by."""

import dagster as dg
import pandas as pd
from dagster._core.storage.runs.schema import RunsTable

from mlreg_dagster import jobs

DAY = pd.Timedelta(days=1)


def keeping(settings, **days):
    """Settings with another policy; few enough hours are in use for a policy of days."""
    short = {"ingest": {"catch_up_hours": 1}, "datasets": {"history_hours": 24, "holdout_hours": 8,
             "min_training_hours": 1, "min_holdout_hours": 1}, "outcomes": {"horizon_hours": 2}}  # fmt: skip
    retention = settings.retention.model_copy(update=days)
    return settings.override(short).model_copy(update={"retention": retention})


def carry_out(*found):
    for task in found:
        task.do()


def record_run(instance, when):
    """A run without steps that was recorded at a time of the machine's clock."""
    run = instance.create_run_for_job(dg.GraphDefinition(name=jobs.TRAIN).to_job())
    with instance.run_storage.connect() as connection:
        at = {"create_timestamp": when.tz_localize(None).to_pydatetime()}
        connection.execute(RunsTable.update().where(RunsTable.c.run_id == run.run_id).values(**at))


def write_file(path, content=b"precious"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
