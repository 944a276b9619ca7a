"""The monitoring plan follows the configuration."""

from mlreg_dagster.config import ChannelSettings, NotificationSettings, load_settings
from mlreg_dagster.evidence.card.contents.plan import alerts_of, plan_of
from mlreg_dagster.monitoring.alerts.rules import RULES


def test_a_threshold_that_is_changed_is_changed_in_the_plan():
    settings = load_settings()
    rows = {row["watched"]: row for row in plan_of(settings)}
    assert rows["share that the champion flags"]["threshold"] == "outside of 0.02 to 0.2"
    assert rows["false_alarm_rate of outcomes"]["threshold"] == "above 0.2"
    changed = settings.override(
        {
            "evaluation": {"max_anomaly_rate": 0.3},
            "use_case": {"worth": "better", "success": [{"metric": "recall", "at_least": 0.4}]},
            "drift": {"response": {"trainings": 0}},
        }
    )
    rows = {row["watched"]: row for row in plan_of(changed)}
    assert rows["share that the champion flags"]["threshold"] == "outside of 0.02 to 0.3"
    assert rows["recall of outcomes"]["threshold"] == "below 0.4"
    assert rows["worth against simple rankings"]["threshold"] == "not better"
    assert rows["confirmed drift that stays"]["action"] == "people are told"


def test_every_alert_has_an_owner_and_a_place_to_go():
    notifications = NotificationSettings(
        owners={"disk_low": "team:platform"},
        channels={
            "pager": ChannelSettings(kind="pagerduty", key_variable="KEY", severities=("page",)),
            "platform": ChannelSettings(kind="log", owners=("team:platform",), severities=("page",)),
        },
    )
    settings = load_settings().model_copy(update={"notifications": notifications})
    rows = {row["alert"]: row for row in alerts_of(settings)}
    assert rows.keys() == RULES.keys()
    assert (rows["disk_low"]["owner"], rows["disk_low"]["goes to"]) == ("team:platform", ["pager", "platform"])
    assert (rows["champion_worse"]["owner"], rows["champion_worse"]["goes to"]) == ("team:mlreg", ["pager"])
    assert rows["run_failed"]["goes to"] == []
    assert {row["goes to"] for row in alerts_of(load_settings())} == {"the log"}
