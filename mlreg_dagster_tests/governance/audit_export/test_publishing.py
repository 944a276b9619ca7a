"""Where heads are published: in a file, a folder of time-stamp requests, and by a webhook."""

import http.server
import json
import threading

import pandas as pd
import pytest

from mlreg_dagster.automation.audit import build_audit_schedule
from mlreg_dagster.config import AuditSettings, ConfigError, Settings
from mlreg_dagster.config.section import validated
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.audit_export import publishing
from mlreg_dagster.governance.audit_export.lines import NotAsWritten, spelled
from mlreg_dagster.governance.audit_export.publishing import NotPublished, head_to_publish, places_of, publish
from mlreg_dagster.governance.audit_export.verification import published_in
from mlreg_dagster.governance.audit_export.witnesses import ContradictsHead
from mlreg_dagster.governance.decisions.signing import make_key
from mlreg_dagster_tests.governance.audit_export.builders import NOW, chained, log_of

LOG = log_of(4)


@pytest.fixture
def received():
    """The URL of a receiver, and what it got; it answers each request with the next of `answers`, then with 200."""
    got, answers = [], []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Idempotency-Key"], json.loads(body)))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/secret-path", got, answers
        server.shutdown()


def published(log, settings, hours=0):
    head = head_to_publish(log, settings, NOW + pd.Timedelta(hours=hours), 0)
    publish(head, places_of(settings))
    return head


def test_each_place_gets_the_head(tmp_path, received, monkeypatch):
    url, got, answers = received
    monkeypatch.setenv("AUDIT_WEBHOOK", url)
    monkeypatch.setattr(publishing, "WAIT_S", 0.0)
    answers.append(503)
    settings = AuditSettings(
        heads_file=str(tmp_path / "heads.jsonl"),
        time_stamp_folder=str(tmp_path / "stamps"),
        webhook_url_variable="AUDIT_WEBHOOK",
    )
    head = published(LOG, settings)
    line = f"{spelled(head)}\n"
    assert (tmp_path / "heads.jsonl").read_text() == line
    name = tmp_path / "stamps" / "head-4-20260117T002000Z.jsonl"
    assert name.read_text() == line
    assert name.with_suffix(".tsq").read_bytes()[0] == 0x30
    (first_key, _), (key, content) = got
    assert first_key == key
    assert content.pop("text") == spelled(head)
    assert content == json.loads(spelled(head))
    assert list(places_of(settings)) == [str(tmp_path / "heads.jsonl"), str(tmp_path / "stamps"), "the webhook"]


def test_a_place_that_fails_keeps_no_other_from_it_and_shows_no_address(tmp_path, received, monkeypatch):
    url, got, answers = received
    monkeypatch.setattr(publishing, "WAIT_S", 0.0)
    answers += [500] * publishing.ATTEMPTS
    settings = AuditSettings(
        heads_file=str(tmp_path / "no" / "heads"), time_stamp_folder=str(tmp_path / "stamps"), webhook_url=url
    )
    with pytest.raises(NotPublished) as failed:
        published(LOG, settings)
    said = str(failed.value)
    assert "the webhook: it answered with HTTP 500" in said
    assert f"{tmp_path / 'no' / 'heads'}: " in said
    assert f"It is in {tmp_path / 'stamps'}." in said
    assert "secret-path" not in said
    assert len(got) == publishing.ATTEMPTS


def test_heads_are_appended_and_each_must_still_hold(tmp_path):
    settings = AuditSettings(heads_file=str(tmp_path / "heads.jsonl"))
    assert published(LOG[:2], settings).witnesses == 0
    assert published(LOG, settings, hours=1).witnesses == 1
    before = (tmp_path / "heads.jsonl").read_bytes()
    assert published_in(tmp_path / "heads.jsonl").claims == {(2, LOG[1].hash), (4, LOG[3].hash)}
    for log in (LOG[:3], chained([*LOG[1:], LOG[0]]), []):
        with pytest.raises(ContradictsHead):
            published(log, settings)
    (tmp_path / "heads.jsonl").write_bytes(before.replace(b'"witnesses":0', b'"witnesses": 0'))
    with pytest.raises(NotAsWritten, match="line 1"):
        published(LOG, settings)


def test_a_head_that_must_be_signed_is_signed_or_not_published(tmp_path, monkeypatch):
    settings = AuditSettings(heads_file=str(tmp_path / "heads.jsonl"), signed=True)
    monkeypatch.delenv("MLREG_SIGNING_KEY", raising=False)
    with pytest.raises(MlregError, match="signed asks for a signature, and MLREG_SIGNING_KEY is not set"):
        published(LOG, settings)
    assert not (tmp_path / "heads.jsonl").exists()
    public = make_key(tmp_path / "key.pem")
    monkeypatch.setenv("MLREG_SIGNING_KEY", str(tmp_path / "key.pem"))
    published(LOG, settings)
    assert published_in(tmp_path / "heads.jsonl", [public]).claims == {(4, LOG[3].hash)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heads_file": "heads.jsonl"}, "heads_file: must be an absolute path"),
        ({"webhook_url": "ftp://x"}, "webhook_url"),
        ({"webhook_url": "http://x", "webhook_url_variable": "X"}, "name the same: write one of them"),
        ({"every": "minute"}, "every"),
    ],
)
def test_what_audit_yaml_may_not_say(values, message):
    with pytest.raises(ConfigError, match=message):
        validated(AuditSettings, values, "audit.yaml")


def test_the_schedule_is_on_where_there_is_a_place():
    off, on = (
        build_audit_schedule(Settings(audit=AuditSettings(**values)))
        for values in ({}, {"webhook_url": "https://example.org", "every": "hour"})
    )
    assert [off.default_status.value, on.default_status.value] == ["STOPPED", "RUNNING"]
    assert [off.cron_schedule, on.cron_schedule] == ["20 0 * * *", "20 * * * *"]
