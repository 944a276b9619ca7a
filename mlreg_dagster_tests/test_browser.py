"""The real UI in a real browser: what a person sees of the lifecycle, and that nothing complains meanwhile."""

import json
import re
import shutil

import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.names import ASSETS
from mlreg_dagster.models.gates import ANOMALY_RATE, GATES
from mlreg_dagster.runner import asset_config
from mlreg_dagster_tests.deployment import Deployment
from mlreg_dagster_tests.location import Location
from mlreg_dagster_tests.waiting import PATIENCE_S

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.pictures,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system"),
]

NOW = "2026-01-02T00:30"
CALM = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE_MS = 1000 * PATIENCE_S
GROUPS = ("market", "datasets", "models", "outcomes", "monitoring", "governance", "serving", "evidence")
ALL_GROUPS = ",".join(f"global@global:{group}" for group in GROUPS)
KEEP_TOASTS = """
    window.toasts = new Set();
    const look = () => document.querySelectorAll("[data-sonner-toast]").forEach(it => window.toasts.add(it.innerText));
    new MutationObserver(look).observe(document, {childList: true, subtree: true, characterData: true});
"""


class Watched:
    """A page, and what went wrong on it: toasts, errors in the console, requests that were not answered well."""

    def __init__(self, page, url):
        self.page, self.url, self.errors, self.answers = page, url, [], []
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(KEEP_TOASTS)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", lambda answer: self.answers.append(answer))

    def open(self, path):
        self.page.goto(f"{self.url}{path}")

    def sees(self, *texts):
        for text in texts:
            playwright.expect(self.page.get_by_text(text, exact=True).first).to_be_visible()

    def metadata(self, label):
        """The value in the table of metadata."""
        row = self.page.locator("tr").filter(has=self.page.get_by_text(label, exact=True)).first
        return row.locator("> td").last

    def picture(self, label):
        """Open the picture of a metadata entry: its words. It is really drawn, or this fails."""
        self.metadata(label).get_by_text("[Show Markdown]").click()
        image = self.page.get_by_role("dialog").locator("img")
        image.wait_for()
        self.page.wait_for_function("image => image.complete", arg=image.element_handle())
        assert image.evaluate("image => image.naturalWidth") > 100
        words = image.get_attribute("alt")
        self.page.get_by_role("button", name="Close").click()
        return words

    def leave(self):
        """Everything that went wrong since the page was opened."""
        self.page.wait_for_load_state("networkidle")
        toasts = [f"toast: {text}" for text in self.page.evaluate("[...window.toasts]")]
        refused = [f"{each.status} {each.url}" for each in self.answers if each.status >= 400]
        answers = [each for each in self.answers if "/graphql" in each.url and each.request.method == "POST"]
        assert answers
        failed = [f"{each.url}: {text[:300]}" for each in answers if _has_failed(text := _body(each))]
        wrong = [*self.errors, *toasts, *refused, *failed]
        self.errors, self.answers[:] = [], []
        return wrong


def _body(answer):
    try:
        return answer.text()
    except playwright.Error as error:
        if "navigated away" not in str(error):
            raise
        return "{}"  # an answer to the page before, which was asked for while it was being left


def _has_failed(text):
    return bool(json.loads(text).get("errors")) or '"__typename":"PythonError"' in text.replace(" ", "")


@pytest.fixture
def deployment(first_day):
    """v1 is champion; v2 flags too much for the gate of an experiment."""
    world = Location(first_day, NOW).world
    version = world.train({"overrides": {"contamination": 0.2}, "actor": "ada"})
    strict = {"overrides": {"max_anomaly_rate": 0.03}, "actor": "ada"}
    world.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", strict))
    with Deployment(first_day, NOW) as served:
        yield served


@pytest.fixture
def watched(deployment):
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=CHROMIUM, args=[*CALM, *OFFLINE], timeout=PATIENCE_MS)
        yield Watched(browser.new_page(viewport={"width": 1600, "height": 1000}), deployment.client.url)
        browser.close()


def test_what_a_person_sees_of_the_lifecycle(watched):
    _the_lineage(watched)
    _the_snapshot(watched)
    _the_evaluated_model(watched)
    _the_champion(watched)
    _an_error_would_have_been_noticed(watched)


def _the_lineage(watched):
    watched.open(f"/asset-groups?expanded={ALL_GROUPS}")
    watched.sees("Global asset lineage")
    nodes = watched.page.locator("svg foreignObject")
    playwright.expect(nodes.filter(has_text="champion_model")).to_be_visible()
    shown = nodes.all_text_contents()
    assert set(ASSETS) - {"prediction_outcomes"} <= set(shown)
    assert any(re.fullmatch(r"predict.*_outcomes", name) for name in shown)  # long names are shortened
    assert watched.leave() == []


def _the_snapshot(watched):
    watched.open("/assets/market_snapshot")
    watched.sees("market_snapshot", "simulated", "Freshness policy")
    playwright.expect(watched.metadata("dagster/partition_row_count")).to_have_text("12")
    playwright.expect(watched.metadata("hours")).to_have_text("24")
    assert watched.picture("price_changes") == "Heat map of hourly price changes"
    assert watched.leave() == []


def _the_evaluated_model(watched):
    watched.open("/assets/evaluated_model")
    playwright.expect(watched.metadata("version")).to_have_text("v2")
    playwright.expect(watched.metadata("status")).to_have_text("candidate")  # an experiment leaves it as it was
    playwright.expect(watched.metadata("experiment")).to_have_text("max_anomaly_rate was 0.03 instead of 1.0")
    words = watched.picture("gate_summary")
    assert f"{ANOMALY_RATE} FAILED" in words
    assert words.count("passed") == len(GATES) - 1

    watched.page.get_by_role("tab", name="Checks").click()
    watched.sees(f"Checks ({len(GATES)})", *GATES)
    watched.sees("Succeeded", "Failed")
    verdict = re.compile(rf"^({'|'.join(GATES)})\n(Succeeded|Failed)$", re.MULTILINE)
    shown = dict(verdict.findall(watched.page.locator("body").inner_text()))
    assert shown == dict.fromkeys(GATES, "Succeeded") | {ANOMALY_RATE: "Failed"}
    assert watched.leave() == []


def _the_champion(watched):
    watched.open("/assets/champion_model")
    playwright.expect(watched.metadata("champion")).to_have_text("v1")
    playwright.expect(watched.metadata("moved")).to_have_text("champion: nobody → v1")
    playwright.expect(watched.metadata("reason")).to_have_text("the first version whose gates passed")
    assert watched.picture("history") == "Timeline of champion"
    assert watched.leave() == []


def _an_error_would_have_been_noticed(watched):
    error = json.dumps({"data": None, "errors": [{"message": "made on purpose"}]})
    watched.page.route(
        re.compile("op=AssetViewDefinitionQuery"),
        lambda route: route.fulfill(status=200, content_type="application/json", body=error),
    )
    watched.open("/assets/champion_model")
    watched.page.locator("[data-sonner-toast]").first.wait_for()
    wrong = "\n".join(watched.leave())
    assert "toast: Unexpected GraphQL error" in wrong
    assert "made on purpose" in wrong
    assert "op=AssetViewDefinitionQuery: {" in wrong
