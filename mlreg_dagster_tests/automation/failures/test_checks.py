"""Checks that fail: people are told once."""

import shutil

import pytest

from mlreg_dagster.automation import notification
from mlreg_dagster_tests.automation.receiver import Receiver
from mlreg_dagster_tests.location import CONFIGS, Location

pytestmark = pytest.mark.slow

NOON = "2026-01-02T12:30"
LIMITS = {"evaluation": {**CONFIGS["evaluation"], "min_anomaly_rate": 0.9}}


@pytest.fixture(scope="module")
def half_a_day(made_first_day, tmp_path_factory):
    """Half a day of predictions by v1."""
    folder = shutil.copytree(made_first_day, tmp_path_factory.mktemp("half_a_day") / "location")
    assert Location(folder, NOON).tick("catch_up_sensor") == ["hourly 2026-01-02-00:00...2026-01-02-11:00"]
    return folder


@pytest.fixture
def reopened(half_a_day, tmp_path):
    folder = shutil.copytree(half_a_day, tmp_path / "location")
    return lambda configs: Location(folder, NOON, configs)


def _check_is_told(location: Location, cursor: str | None) -> tuple[str, str]:
    location.world.attempt(checks="predictions")
    answer = location.ask("check_sensor", cursor)
    return answer.cursor, answer.skip_message


def test_people_are_told_once_that_a_check_fails_and_again_after_it_has_passed(reopened):
    check = "flagged_share_within_limits of predictions"
    with Receiver(200) as receiver:
        webhook = {"notifications": {"webhook_url": receiver.url}}
        cursor = None
        for limits, told in ((LIMITS, 1), (LIMITS, 1), ({}, 1), (LIMITS, 2)):
            location = reopened({**webhook, **limits})
            cursor, said = _check_is_told(location, cursor)
            assert len(receiver.requests) == told
            assert said.startswith(f"Failing: {check}." if limits else "Failing: none.")
        notice = receiver.requests[0][2]
    assert (notice["check"], notice["job"]) == (check, "__ASSET_JOB")
    assert notice["message"].startswith("v1 flagged ")
    assert notice["text"] == f"Check {check} failed:\n```\n{notice['message']}\n```"


def test_a_failing_check_that_can_t_be_told_is_in_the_log_and_tried_again(reopened, monkeypatch, caplog):
    monkeypatch.setattr(notification, "WAIT_S", 0.0)
    cursor = None
    for status, requests in ((500, notification.ATTEMPTS), (200, 1), (200, 0)):
        with Receiver(status) as receiver:
            webhook = {"notifications": {"webhook_url": receiver.url}}
            cursor, said = _check_is_told(reopened({**webhook, **LIMITS}), cursor)
            assert len(receiver.requests) == requests
            assert ("to be tried again" in said) == (status == 500)
    assert any("Check flagged_share_within_limits of predictions failed" in message for message in caplog.messages)
