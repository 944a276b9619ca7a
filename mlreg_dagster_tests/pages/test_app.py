"""The frame of all pages: methods, headers, errors, branches, times, and text of others that stays text."""

import hashlib
import html
import json
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.pages.access import Access
from mlreg_dagster.pages.answer import Answering
from mlreg_dagster.pages.app import make_app
from mlreg_dagster.pages.homes import Homes
from mlreg_dagster_tests.lifecycle import LIVE, NOON
from mlreg_dagster_tests.pages.probe import PAGES


def client_on(home: Path, access: Access | None = None) -> TestClient:
    answering = Answering(Homes(home), Settings(), PAGES, None)
    return TestClient(make_app(answering, PAGES, access or Access(hosts=("testserver",))))


@pytest.fixture(scope="module")
def probe(pages_home: Path) -> TestClient:
    return client_on(pages_home)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/", "/probes/x", "/overview.json", "/static/pages.css", "/health", "/nowhere"])
def test_nothing_but_get_and_head_is_answered(probe: TestClient, method: str, path: str) -> None:
    answer = probe.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_head_has_the_headers_of_the_page_and_no_body(probe: TestClient) -> None:
    answer = probe.head("/")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/", "/overview.json", "/probes/gone", "/nowhere", "/health", "/static/pages.css"])
def test_every_answer_keeps_browsers_from_anything_else(probe: TestClient, path: str) -> None:
    policy = probe.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(("name", "status"), [("gone", 404), ("unclear", 400), ("unavailable", 503), ("defect", 500)])
def test_what_can_not_be_shown_is_said(probe: TestClient, name: str, status: int) -> None:
    page, twin = probe.get(f"/probes/{name}"), probe.get(f"/probes/{name}.json")
    assert (page.status_code, twin.status_code) == (status, status)
    assert twin.json()["error"]["sentence"] in html.unescape(page.text)
    assert "a secret" not in page.text + twin.text
    assert "facts" not in twin.json()


@pytest.mark.parametrize(("branch", "status"), [("nowhere", 404), ("../..", 404), ("prod", 200), ("", 200)])
def test_an_unknown_branch_is_not_there(probe: TestClient, branch: str, status: int) -> None:
    assert probe.get("/", params={"branch": branch}).status_code == status
    assert probe.get("/overview.json", params={"branch": branch}).status_code == status


def test_a_time_that_is_none_is_refused(probe: TestClient) -> None:
    answer = probe.get("/?as_of=yesterday")
    assert answer.status_code == 400
    assert "is not a time" in answer.text


@pytest.mark.parametrize(
    ("as_of", "champion"),
    [(LIVE.isoformat(), "v1"), (NOON.isoformat(), "v2"), ("2025-01-01", None), ("2026-01-05-11:00", "v1")],
)
def test_pages_and_twins_are_as_of_the_time_that_is_asked_about(
    probe: TestClient, as_of: str, champion: str | None
) -> None:
    query = {"as_of": as_of}
    assert probe.get("/overview.json", params=query).json()["facts"]["champion"] == champion
    assert f'id="champion">{champion or "none"}<' in probe.get("/", params=query).text


def test_links_keep_branch_and_time(probe: TestClient) -> None:
    page = probe.get("/", params={"as_of": "2026-01-05T12:00", "kind": "a&b"}).text
    assert "/probes/nothing?as_of=2026-01-05T12%3A00%3A00%2B00%3A00&amp;kind=nothing" in page
    assert '<input type="hidden" name="kind" value="a&amp;b">' in page


def test_htmx_gets_the_content_alone(probe: TestClient) -> None:
    answer = probe.get("/", headers={"hx-request": "true"})
    assert answer.text.startswith("<h1>")
    assert 'id="champion"' in answer.text
    assert "<nav" not in answer.text
    assert "HX-Request" in answer.headers["vary"]


@given(st.text(min_size=1, max_size=40))
def test_what_others_wrote_stays_text(probe: TestClient, name: str) -> None:
    page = probe.get(f"/probes/{quote('<i>' + name.encode('utf-8', 'replace').decode(), safe='')}?kind=<b>")
    assert page.status_code in (200, 404)  # a slash makes another address of it
    assert "<i>" not in page.text
    assert "<b>" not in page.text


def test_static_files_are_those_that_are_known(probe: TestClient) -> None:
    assert "color-scheme" in probe.get("/static/pages.css").text
    assert probe.get("/static/htmx-2.0.11.min.js").headers["content-type"].startswith("text/javascript")
    assert ElementTree.fromstring(probe.get("/static/icon.svg").text).tag.endswith("svg")
    assert probe.get("/static/..%2fapp.py").status_code == 404
    assert probe.get("/static/app.py").status_code == 404


def test_a_registry_that_was_tampered_with_is_shown_in_place_of_facts(live_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "tampered"
    shutil.copytree(live_home, home)
    with sqlite3.connect(home / "registry.sqlite") as connection:
        connection.executescript(
            "".join(
                f"DROP TRIGGER IF EXISTS {name};"
                for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            )
        )
        connection.execute("UPDATE alias_events SET reason = 'another'")
    for path in ("/", "/probes/x"):
        page, twin = client_on(home).get(path), client_on(home).get("/overview.json" if path == "/" else f"{path}.json")
        assert (page.status_code, twin.status_code) == (503, 503)
        assert "tampered" in page.text
        assert 'id="champion"' not in page.text
        assert "facts" not in twin.json()


def test_tampering_meanwhile_is_noticed_at_the_next_page(live_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "tampered"
    shutil.copytree(live_home, home)
    client = client_on(home)
    assert client.get("/").status_code == 200
    with sqlite3.connect(home / "registry.sqlite") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE alias_events SET version = 'v3'")
    assert client.get("/").status_code == 503


def test_without_a_registry_the_page_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = client_on(tmp_path / "empty").get("/")
    assert answer.status_code == 503
    assert "There is no registry" in answer.text


def test_reading_leaves_every_byte_of_the_home(pages_home: Path, probe: TestClient) -> None:
    before = digests(pages_home)
    for path in ("/", "/overview.json", "/?as_of=2026-01-05", "/probes/x"):
        assert probe.get(path).status_code == 200
    assert digests(pages_home) == before


def test_a_twin_names_page_branch_and_time(probe: TestClient) -> None:
    found = json.loads(probe.get("/probes/x.json?as_of=2026-01-05").text)
    assert (found["page"], found["branch"], found["as_of"]) == ("probe", None, "2026-01-05T00:00:00+00:00")
    assert found["facts"]["name"] == "x"


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }
