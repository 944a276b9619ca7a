"""Suspending and resuming from Dagster's UI: the jobs, and what they leave in its event log."""

import dagster as dg
import pytest

from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads
from mlreg_dagster.runner import RunFailed


def change(world, job, op, **config):
    world.run(job, {"ops": {op: {"config": {"reason": "it flags everything", "actor": "carla", **config}}}})


def newest(world):
    records = world.instance.fetch_observations(dg.AssetKey("champion_model"), limit=1).records
    return records[0].asset_observation


def test_the_jobs_suspend_and_resume_and_leave_a_witness(live):
    change(live, "suspend_job", "suspend")
    stopped = live.registry.suspension("champion")
    assert (stopped.version, stopped.actor) == ("v2", "carla")
    assert stopped.run_id is not None
    assert newest(live).description.startswith("champion is suspended since")
    assert live.registry.audit_head() in witnessed_heads(live.instance)
    change(live, "suspend_job", "suspend", actor="eve")  # finds it done
    assert len(live.registry.suspensions()) == 1
    change(live, "resume_job", "resume", reason="it was the feed")
    assert live.registry.suspension("champion") is None
    assert newest(live).description == "champion is resumed by carla: it was the feed"


def test_a_placeholder_is_no_reason_and_what_was_refused_is_shown(live):
    with pytest.raises(RunFailed, match="is no reason but a placeholder"):
        change(live, "suspend_job", "suspend", reason="TODO")
    assert live.registry.suspensions() == []
    assert newest(live).metadata["refused"].value == "suspend champion"


def test_only_sensors_are_automation(live):
    with pytest.raises(RunFailed, match="acts in runs of sensors only"):
        change(live, "suspend_job", "suspend", actor="automation")


def test_the_past_is_for_replays_whose_clock_is_simulated(live):
    change(live, "suspend_job", "suspend", effective_at="2026-01-07T05:00")
    assert live.registry.suspension("champion").effective_at.isoformat() == "2026-01-07T05:00:00+00:00"
