"""A process that is killed anywhere in a step: alias and split agree, and the next step makes up for it."""

import os
import signal
from dataclasses import replace

import pytest

from mlreg_dagster.governance.rollout import control
from mlreg_dagster.registry.records.traffic import WHOLE
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.governance.promotion.builders import governed
from mlreg_dagster_tests.governance.rollout.rolling import AUTOMATION, brought_to, holders, look_at, ready, stepped
from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.conftest import registry_url
from mlreg_dagster_tests.registry.racing import die_while

pytestmark = pytest.mark.slow

__all__ = ["postgres_server", "postgres_url", "registry_url"]


def killed(url, root, look, statement):
    """Make a step in a process of its own, killed before a statement; whether it came to its end."""

    def step(registry):
        control.step(registry, open_artifacts(root), governed(), look, replace(AUTOMATION, run_id="run-5"))

    child = os.fork()  # of a process that runs no threads of its own
    if child == 0:
        try:
            die_while(step, url, statement)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended in (0, -signal.SIGKILL)
    return ended == 0


def agree(registry):
    """The alias points to the candidate exactly where it has all traffic."""
    now, champion = registry.traffic("champion"), holders(registry)["champion"]
    return champion == (now.candidate if now.weight == WHOLE else now.champion)


@pytest.mark.parametrize(
    ("state", "changes", "after", "challenger", "between"),
    [
        ("staging", {}, "shadow", "v2", {("staging", None), ("staging", "v2"), ("shadow", "v2")}),
        ("canary_50", {}, "full", "v1", {("canary_50", "v2"), ("full", "v2")}),
        ("full", {"labels": "worse"}, "rolled_back", "v1", {("full", "v1"), ("rolled_back", "v1")}),
    ],
)
def test_the_next_step_makes_up_for_one_that_was_killed(
    registry_url, tmp_path, model, state, changes, after, challenger, between
):
    if state != "canary_50" and not registry_url.startswith("sqlite"):
        pytest.skip("one way through a step is enough for the other database")
    root = tmp_path / "artifacts"
    registry, store = ready(registry_url, root, model)
    before = brought_to(registry, store, state)
    look, seen = look_at(registry, **changes), set()
    for statement in range(1, 200):
        ended = killed(registry_url, str(root), look, statement)
        now = registry.traffic("champion")
        seen.add((now.state, holders(registry).get("challenger")))
        assert agree(registry)
        assert registry.find_tampering() is None
        if ended or now.sequence > before.sequence:
            break
    assert statement > 5
    if registry.traffic("champion").is_open and look_at(registry, dwelled=False).calls_for_step:
        stepped(registry, store, dwelled=False)
    assert registry.traffic("champion").state == after
    assert registry.traffic("champion").sequence == before.sequence + 1
    assert holders(registry)["challenger"] == challenger
    assert agree(registry)
    assert seen == between
