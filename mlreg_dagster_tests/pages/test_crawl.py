"""Every link of the pages in a real browser: nothing complains, nothing leaves, everybody can use them."""

import pytest

from mlreg_dagster.pages.access import Access
from mlreg_dagster.pages.catalogue import PAGES
from mlreg_dagster_tests.pages.running import running
from mlreg_dagster_tests.pages.sites import client_of

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from mlreg_dagster_tests.pages.crawler import CHROMIUM, browser, crawl

pytestmark = [
    pytest.mark.slow,
    pytest.mark.pictures,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system"),
]


def test_every_link_leads_to_a_page_that_everybody_can_use(pages_home):
    with running(client_of(pages_home, Access()).app) as url, browser() as started:
        found = crawl(url, started, each=1)
    assert found.wrong == {}
    assert len(found.seen) >= len(PAGES)
