"""All pages of the catalogue on the tests' world: each is reached, answers at any time, and leaves the home alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import Response
from starlette.testclient import TestClient

from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.pages.catalogue import PAGES
from mlreg_dagster_tests.pages.following import follow
from mlreg_dagster_tests.pages.sites import client_of
from mlreg_dagster_tests.pages.test_app import digests

LARGEST = 200_000
HOLDS_THE_TABLES = """
import sys, time
from pathlib import Path
from mlreg_dagster.storage.warehouse.guarded_file import GuardedFile
with GuardedFile(Path(sys.argv[1])).connect():
    print("held", flush=True)
    time.sleep(600)
"""


def test_every_page_of_the_catalogue_is_linked_and_none_changes_the_home(site: TestClient, pages_home: Path) -> None:
    before = digests(pages_home)

    def check(address: str, answer: Response) -> None:
        assert len(answer.content) <= LARGEST, (address, len(answer.content))
        if answer.headers["content-type"] == "application/json":
            json.loads(answer.text)

    found = follow(site, each=2, check=check)
    addresses = [address for some in found.values() for address in some]
    reached = {page.key for page in PAGES for address in addresses if _is_of(page.path, address)}
    assert reached == {page.key for page in PAGES}
    assert digests(pages_home) == before


def test_every_page_answers_for_any_time(site: TestClient) -> None:
    for as_of in ("2020-01-01", "2026-01-05T06:00", "2100-01-01"):  # that of the twins is one more
        follow(site, each=1, first=f"/?as_of={as_of}", wanted=lambda link: "as_of=" in link and not _is_twin(link))


def test_every_twin_answers_for_a_time(site: TestClient) -> None:
    found = follow(site, each=1, first="/?as_of=2026-01-05T12:00", wanted=lambda link: "as_of=" in link)
    assert len([kind for kind in found if _is_twin(kind)]) >= 10


def test_every_page_answers_while_a_process_holds_the_tables(pages_home: Path) -> None:
    client = client_of(pages_home)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_TABLES, str(warehouse_file(pages_home))], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert len(follow(client, each=1)) >= len(PAGES)
        finally:
            holder.kill()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_without_a_registry_says_so(page, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    path = page.path.format(**dict.fromkeys(("version", "left", "right", "hour", "day", "asset", "name"), "v1"))
    answer = client_of(tmp_path / "empty").get(path)
    assert answer.status_code == 503
    assert "There is no registry" in answer.text


def _is_twin(address: str) -> bool:
    return address.partition("?")[0].endswith(".json")


def _is_of(path: str, address: str) -> bool:
    """Whether an address is that of a page: its parts in braces match anything."""
    wanted, parts = path.split("/"), address.partition("?")[0].split("/")
    return len(wanted) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(wanted, parts, strict=True))
