"""Whether a rollout can start."""

from pathlib import Path

import pytest

from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.mixins.traffic import Split
from mlreg_dagster.release.rollout import can_start, started
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register

BY = Attribution("bob", NOW, "it finds more")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    found = Registry(f"sqlite:///{tmp_path}/registry.sqlite")
    for version in ("v1", "v2"):
        register(found, version)
        evaluate(found, version)
    return found


def test_the_first_version_is_promoted(registry: Registry) -> None:
    step = can_start(registry, None, "v1")
    assert step.status == "failed"
    assert "mlreg promote v1" in step.detail


def test_an_open_rollout_is_waited_for(registry: Registry) -> None:
    move(registry, "v1", None)
    champion = registry.holder("champion")
    assert can_start(registry, champion, "v2").status == "passed"
    split = Split("staging", 0, shadow=False, ruling="open", facts={})
    event = registry.open_rollout("champion", "v2", split, BY, salt="0" * 16, expected="v1")
    step = can_start(registry, champion, "v2")
    assert step.status == "failed"
    assert "A rollout of v2 is open, in the state staging" in step.detail
    assert "Rollout 1 of v2 against v1 began in the state staging" in started(event).detail
