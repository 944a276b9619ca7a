"""`mlreg incident`: from its opening to the review of its report."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from mlreg_dagster.orchestration.instance.audit_anchors import heads_on_record
from mlreg_dagster_tests.cli.test_json import assert_documented, keys_of
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.registry.builders import add_person, raise_alert

OPEN = ("incident", "open", "Flags doubled", "--severity", "page", "--owner", "Bob", "--since", "2026-01-05T06:00")


def ago(minutes):
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(answer):
    assert answer.code == 0, answer
    return json.loads(answer.out)


def test_an_incident_is_opened_noted_and_resolved(on_live, registry):
    event = raise_alert(registry, time=datetime(2026, 1, 5, 7, tzinfo=UTC))
    opened = as_json(on_live(*OPEN, "--alert", event.name, "--version", "champion", "--move", "champion:2", "--json"))
    assert set(opened) == keys_of("incident open")
    assert_documented("incidents", opened["incidents"])
    (found,) = opened["incidents"]
    assert (found["incident"], found["state"], found["owner"], found["severity"]) == (1, "open", "bob", "page")
    assert found["links"] == {"alerts": [event.fingerprint], "versions": ["v2"], "moves": ["champion:2"]}
    assert [each["reason"] for each in opened["events"]] == ["Flags doubled"]
    noted = as_json(
        on_live("incident", "note", "1", "The volume feed was doubled", "--hour", "2026-01-03T05:00", "--json")
    )
    assert_documented("incident_events", noted["events"])
    assert "Flags doubled" in on_live("incident", "list", "--open").out
    assert "Flags doubled" in on_live("status").out
    assert as_json(on_live("status", "--json"))["incidents"][0]["incident"] == 1
    on_live("incident", "resolve", "1", "--reason", "the feed is back")
    assert "Flags doubled" not in on_live("incident", "list", "--open").out
    assert as_json(on_live("status", "--json"))["incidents"] == []
    shown = as_json(on_live("incident", "show", "1", "--json"))
    assert set(shown) == keys_of("incident show")
    assert_documented("times", shown["times"])
    assert [each["name"] for each in shown["times"]] == ["detect", "acknowledge", "mitigate", "resolve"]
    assert [each["event"] for each in shown["events"]] == ["opened", "noted", "resolved"]
    assert registry.find_tampering() is None


def test_dagster_is_left_as_witness_of_each_record(on_live, registry):
    on_live(*OPEN)
    assert registry.audit_head() in heads_on_record()
    on_live("incident", "note", "1", "looked at the feed")
    assert registry.audit_head() in heads_on_record()
    assert len(registry.incident(1).events) == 2


def test_a_record_is_kept_where_dagster_can_not_be_told(on_live, registry, monkeypatch, tmp_path):
    blocked = tmp_path / "dagster"
    blocked.mkdir()
    (blocked / "dagster.yaml").write_text("storage:\n  nonsense: 1\n")
    monkeypatch.setenv("DAGSTER_HOME", str(blocked))
    answer = on_live(*OPEN)
    assert answer.code == 0
    assert "It is recorded, and Dagster's event log did not take the head" in answer.err
    assert len(registry.incidents()) == 1


def test_who_may_not_decide_writes_no_incident(on_live, registry, tmp_path):
    import yaml

    (tmp_path / "configs" / "promotion.yaml").write_text(
        yaml.safe_dump({"people": {"bert": {"roles": ["developer"]}}, "min_reason_length": 5})
    )
    assert on_live("policy", "adopt", "--reason", "people are named", "--actor", "bert").code == 0
    refused(on_live(*OPEN, "--actor", "mallory"), "mallory may not decide")
    refused(on_live(*OPEN, "--reason", "hm", "--actor", "bert"), "too short")
    assert registry.incidents() == []
    assert on_live(*OPEN, "--actor", "bert").code == 0


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--alert", "nope"), "No alert begins with 'nope'"),
        (("--hour", "2026-01-05T06:30"), "not a whole hour"),
        (("--version", "v99"), "v99 is not registered"),
        (("--move", "champion:9"), "known of 'champion': champion:1, champion:2"),
        (("--move", "champion"), "Write ALIAS:SEQUENCE"),
        (("--suspension", "champion:1"), "is not on record"),
        (("--owner", "nobody"), "reserved"),
        (("--since", "yesterday"), "not a time"),
        (("--since", "2126-01-05T06:00"), "in this order"),
    ],
)
def test_what_leads_nowhere_is_refused(on_live, registry, more, why):
    refused(on_live(*OPEN, *more), why)
    assert registry.incidents() == []


def test_the_report_joins_the_records_and_is_reviewed_when_nothing_is_left_to_write(on_live, tmp_path):
    on_live(*OPEN, "--hour", "2026-01-03T05:00", "--detected", "2026-01-05T07:00")
    refused(on_live("incident", "review", "1", "--file", str(tmp_path / "none.md")), "can't be read")
    at = ("--at", "2026-01-05T13:00")
    assert on_live("incident", "resolve", "1", "--reason", "v2 took over", *at).code == 0
    file = tmp_path / "out" / "report.md"
    answer = on_live("incident", "report", "1", "--output", str(file))
    assert (answer.code, str(file) in answer.out) == (0, True)
    text = file.read_text()
    assert "champion moved from v1 to v2" in text
    assert "champion moved from no version to v1" not in text  # before it began
    assert re.search(r"\| mitigate \| 6 h 0 min \| .* \| move champion:2", text)
    assert re.search(r"\| detect \| 1 h 0 min \|", text)
    assert re.search(r"\| resolve \| 7 h 0 min \|", text)
    assert re.search(r"\| 2026-01-03 05:00 \| versions trained on it \| 3 \| v1, v2, v3 \|", text)
    assert text.count("[to be written: ") == 9
    refused(on_live("incident", "review", "1", "--file", str(file)), "9 places")
    file.write_text(re.sub(r"\[to be written:[^]]*\]", "written", text))
    reviewed = as_json(on_live("incident", "review", "1", "--file", str(file), "--reason", "agreed by all", "--json"))
    assert reviewed["incidents"][0]["state"] == "reviewed"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert reviewed["events"][0]["facts"]["report"] == {
        "name": "report.md", "sha256": digest, "bytes": file.stat().st_size,
    }  # fmt: skip
    assert digest in on_live("incident", "show", "1").out.replace("\n", "")


def test_the_report_is_one_html_file_or_facts(on_live, tmp_path):
    began, mitigated = ago(60), ago(30)
    on_live("incident", "open", "<b>Odd</b> | flags", "--severity", "info", "--owner", "bob", "--since", began)
    on_live("incident", "note", "1", "we _looked_ | at `it`", "--mitigated", "--at", mitigated)
    html = tmp_path / "report.html"
    assert on_live("incident", "report", "1", "--output", str(html)).code == 0
    page = html.read_text()
    assert "&lt;b&gt;Odd&lt;/b&gt; | flags" in page
    assert "<b>Odd" not in page
    assert "[to be written: the chain of causes" in page
    found = as_json(on_live("incident", "report", "1", "--json"))
    assert set(found) == keys_of("incident report")
    assert_documented("times", found["times"])
    assert_documented("timeline", found["timeline"])
    assert found["blast_radius"] == []
    took = {each["name"]: each["minutes"] for each in found["times"]}
    assert took["resolve"] is None
    assert 29 < took["mitigate"] < 31
    text = on_live("incident", "report", "1").out
    assert "we \\_looked\\_ \\| at \\`it\\`" in text
    refused(on_live("incident", "report", "1", "--output", "report.pdf"), "Markdown or HTML")
    refused(on_live("incident", "report", "2"), "no incident 2")


def test_people_of_the_directory_stand_in_incidents_by_their_ids(on_live, registry):
    person = add_person(registry, "zoe quux")
    named = on_live(*OPEN, "--actor", "zoe quux", "--reason", "Zoe Quux saw it")
    refused(named, "The reason holds the name or contact of")
    on_live(*OPEN, "--owner", "zoe quux", "--actor", "zoe quux", "--reason", "flags are odd")
    (event,) = registry.incident(1).events
    assert (event.actor, event.owner) == (person, person)
