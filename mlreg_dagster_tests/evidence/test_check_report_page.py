"""The page of all check results: whole, escaped, readable, without JavaScript."""

import shutil

import pytest

from mlreg_dagster.evidence.check_report import Period, Report, arrange
from mlreg_dagster.evidence.check_report_page import render
from mlreg_dagster.evidence.schemas.by import By
from mlreg_dagster_tests.evidence.test_check_report import NOON, result
from mlreg_dagster_tests.evidence.test_rendering import EVIL, Outline
from mlreg_dagster_tests.waiting import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LONG = "The share of flagged rows lies above the limit. " * 20
ROWS = [
    result(),
    result("score_gap", passed=False, description=LONG, values={"value": 0.123456789012}),
    result("schema", asset="market_snapshot", passed=False, severity="WARN", partition="x" * 300),
]


def page_of(*results):
    return render(Report(Period(first="2026-01-05"), NOON, arrange(results)))


def test_the_page_is_whole_and_escaped():
    page = page_of(result(), result("score_gap", passed=False, description=EVIL))
    outline = Outline(page)
    assert {tag for tag, _ in outline.tags} & {"script", "img", "link"} == set()
    assert EVIL in outline.text
    assert "2 results of 2 checks; 1 failed" in outline.text
    assert sum(tag == "tr" and attrs.get("class") == "no" for tag, attrs in outline.tags) == 2  # a count and a result


def test_nothing_in_a_period_is_an_answer_too():
    assert "0 results of 0 checks; 0 failed" in render(Report(Period(), NOON, []))


def test_the_page_says_which_time_the_period_is_of_and_what_else_there_is():
    page = render(Report(Period(By.market, "2026-01-05", "2026-01-06"), NOON, [], left_out=3, otherwise=4))
    assert "2026-01-05 to 2026-01-06, by market time" in page
    assert "3 results are about no hours of the market" in page
    assert "4 do by recording time. Ask for them with --by recording." in page


def test_long_texts_are_folded_and_long_numbers_rounded():
    page = page_of(*ROWS)
    assert "value=0.1235<" in page
    assert "0.123456789012" not in page
    beginning, rest = page.partition("<details><summary>")[2].split("</details>")[0].split("</summary>")
    assert LONG.startswith(beginning)
    assert 60 < len(beginning) <= 90
    assert beginning + rest == LONG


def test_assets_with_a_failure_are_unfolded():
    page = page_of(result(asset="predictions"), result(passed=False))
    assert '<details class="asset" open><summary>evaluated_model ' in page
    assert '<details class="asset"><summary>predictions ' in page


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system")
@pytest.mark.parametrize("width", [700, 1600])
def test_in_a_browser_it_fits_and_its_filters_work(tmp_path, width):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    (tmp_path / "checks.html").write_text(page_of(*ROWS), encoding="utf-8")
    with playwright.sync_playwright() as api:
        patience = 1000 * PATIENCE_S
        browser = api.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=patience
        )
        page = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900}).new_page()
        page.set_default_timeout(patience)
        page.goto((tmp_path / "checks.html").as_uri())
        rows = page.locator("details.asset tbody tr")

        def shown():
            return [row.inner_text().split("\t")[1] for row in rows.all() if row.is_visible()]

        assert sorted(shown()) == ["schema", "score_gap", "silhouette"]
        page.get_by_label("failed", exact=True).check()
        assert sorted(shown()) == ["schema", "score_gap"]
        page.get_by_label("failed as an error").check()
        assert shown() == ["score_gap"]
        browser.close()
