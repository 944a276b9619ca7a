"""The documents of a dossier: all gates, facts of the card, and what people still have to write."""

import hashlib
import shutil
from typing import get_args

import msgspec
import pytest

from mlreg_dagster.config.section import Section
from mlreg_dagster.config.sections.documentation import Documentation, Writing
from mlreg_dagster.evidence import bundles
from mlreg_dagster.evidence.card.elements import SECTIONS, worst
from mlreg_dagster.evidence.dossier.build import make_dossier
from mlreg_dagster.evidence.dossier.catalogue import DOCUMENTS
from mlreg_dagster.evidence.dossier.writing import INDEX, write
from mlreg_dagster.evidence.rendering import to_json
from mlreg_dagster.evidence.schemas.card import CardDocument
from mlreg_dagster_tests.evidence.cards import card_of
from mlreg_dagster_tests.evidence.test_check_report_page import CHROMIUM
from mlreg_dagster_tests.evidence.test_rendering import EVIL, Outline, unescaped_markdown
from mlreg_dagster_tests.lifecycle import Lifecycle
from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.waiting import PATIENCE_S

ASKED = [asked for document in DOCUMENTS for asked in document.asked]
ALL_WRITTEN = {asked.key: f"What a person wrote on {asked.heading}." for asked in ASKED}
ONLY_SOMETIMES = {
    "versus_champion", "not_compared", "worth_asked", "worth_against_*", "contest", "no_contest", "drift",
}  # fmt: skip


@pytest.fixture(scope="module")
def bundled(live_home, tmp_path_factory):
    """The champion's card, and the folder of its bundle."""
    live = Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("dossier") / "home"))
    card, folder = card_of(live, "v2"), tmp_path_factory.mktemp("bundles") / "v2"
    bundles.write(folder, card, b"{}")
    return msgspec.json.decode(to_json(card), type=CardDocument), folder


def written(folder, bundled, texts):
    card, card_files = bundled
    write(folder, make_dossier(card, texts), card_files, "# The runbook\n")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_documents_stand_in_the_order_of_the_gates_and_serve_all_of_them():
    firsts = [min(list(SECTIONS).index(gate) for gate in document.gates) for document in DOCUMENTS]
    assert firsts == sorted(firsts)
    assert {gate for document in DOCUMENTS for gate in document.gates} == set(SECTIONS)


def test_every_text_of_use_case_yaml_is_asked_for_by_a_key_that_it_has():
    def keys(section, prefix=""):
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                yield from keys(field.annotation, f"{prefix}{name}.")
            elif any(Writing in (each, *get_args(each)) for each in get_args(field.annotation)):
                yield f"{prefix}{name}"

    assert {asked.key for asked in ASKED if asked.place == "use_case.yaml"} == set(keys(Documentation))


def test_the_facts_that_documents_name_are_in_a_card(bundled):
    card, _ = bundled
    for document in DOCUMENTS:
        for part in document.parts:
            for key in set(part.facts) - ONLY_SOMETIMES:
                found = [each for each in card.sections[part.section].facts if each.startswith(key.removesuffix("*"))]
                assert found, (document.key, part.section, key)


def test_what_is_not_written_is_marked_and_counted(bundled, tmp_path):
    card, _ = bundled
    texts = {key: text for key, text in ALL_WRITTEN.items() if key not in ("limits", "problem")}
    dossier = make_dossier(card, texts)
    assert [(made.document.key, each.asked.key) for made, each in dossier.to_write] == [
        ("problem_statement", "problem"),
        ("evaluation_report", "limits"),
    ]
    assert dossier.state == "incomplete"
    files = written(tmp_path / "dossier", bundled, texts)
    assert (
        "[to be written: Known limits. What it is known to do badly. Place: use_case.yaml: documentation.limits]"
        in (unescaped_markdown(files["05_evaluation_report.md"]))
    )
    assert "Place: docs/dossier/problem.md]" in unescaped_markdown(files["01_problem_statement.md"])
    assert "2 texts are still to be written" in files[INDEX]
    assert "to be written" not in files["03_data_audit.md"]
    assert ALL_WRITTEN["data.licence"] in files["03_data_audit.md"]


def test_it_is_complete_where_all_is_written_and_nothing_is_missing(bundled):
    card, _ = bundled
    assert [text for section in card.sections.values() for text in section.missing] == []
    assert make_dossier(card, ALL_WRITTEN).state == worst(section.state for section in card.sections.values())
    lineage = msgspec.structs.replace(card.sections["lineage"], state="incomplete", missing=["The dataset is gone."])
    lacking = msgspec.structs.replace(card, sections={**card.sections, "lineage": lineage})
    dossier = make_dossier(lacking, ALL_WRITTEN)
    assert [made.document.key for made in dossier.documents if made.state == "incomplete"] == ["data_audit"]
    assert ("Missing", "The dataset is gone.") in dossier.documents[2].remarks


def test_nothing_is_green_that_speaks_against_the_version(bundled, tmp_path):
    card, card_files = bundled
    clean = {
        key: msgspec.structs.replace(each, state="complete", missing=[], against=[], unknown=[])
        for key, each in card.sections.items()
    }
    spoken = msgspec.structs.replace(clean["lineage"], state="against", against=["The data are stale."])
    for sections, state in ((clean, "complete"), ({**clean, "lineage": spoken}, "against")):
        dossier = make_dossier(msgspec.structs.replace(card, sections=sections), ALL_WRITTEN)
        assert dossier.state == state
        write(tmp_path / state, dossier, card_files, "# The runbook\n")
        index = (tmp_path / state / INDEX).read_text(encoding="utf-8")
        assert ('class="state bad"' in index) == (state == "against")


def test_facts_are_those_of_the_card(bundled, tmp_path):
    card, card_files = bundled
    files = written(tmp_path / "dossier", bundled, ALL_WRITTEN)
    audit, decisions = (Outline(files[INDEX]).text, unescaped_markdown(files["06_decision_records.md"]))
    for row in card.sections["lineage"].facts["datasets"].rows:
        assert row["sha_256"] in audit
        assert row["sha_256"] in unescaped_markdown(files["03_data_audit.md"])
    assert card.sections["promotion"].facts["moves"].rows[0]["reason"] in decisions
    assert "2026-01-05 12:00 UTC" in decisions
    assert files["09_model_card.md"] == (card_files / bundles.MARKDOWN).read_text(encoding="utf-8")
    assert files["08_runbook.md"].endswith("# The runbook\n")


def test_every_link_of_the_index_leads_somewhere(bundled, tmp_path):
    files = written(tmp_path / "dossier", bundled, {})
    tags = Outline(files[INDEX]).tags
    links = [attrs["href"] for tag, attrs in tags if tag == "a"]
    assert set(links) <= {*files, *(f"#{attrs['id']}" for _, attrs in tags if "id" in attrs)}
    assert {made.file for made in make_dossier(bundled[0], {}).documents} <= set(links)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system")
@pytest.mark.parametrize("width", [500, 1300])
def test_in_a_browser_the_index_fits(bundled, tmp_path, width):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    written(tmp_path / "dossier", bundled, {})
    with playwright.sync_playwright() as api:
        patience = 1000 * PATIENCE_S
        browser = api.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=patience
        )
        page = browser.new_context(java_script_enabled=True, viewport={"width": width, "height": 900}).new_page()
        page.set_default_timeout(patience)
        page.goto((tmp_path / "dossier" / INDEX).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_text("Facts: Data and feature lineage").click()
        assert page.get_by_text("Frozen datasets").first.is_visible()
        browser.close()


def test_writing_it_again_gives_the_same_bytes_and_its_sums(bundled, tmp_path):
    folder = tmp_path / "dossier"
    first = written(folder, bundled, ALL_WRITTEN)
    assert written(folder, bundled, ALL_WRITTEN) == first
    sums = dict(reversed(line.split("  ")) for line in first.pop("SHA256SUMS").splitlines())
    assert sums == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in first.items()}


def test_what_people_wrote_is_markdown_without_tags(bundled, tmp_path):
    text = f"# A heading\n\n- one\n- two\n\n{EVIL} \u202e"
    files = written(tmp_path / "dossier", bundled, ALL_WRITTEN | {"limits": text})
    report = files["05_evaluation_report.md"]
    assert "\n### A heading\n\n- one\n- two\n" in report
    assert "<script" not in report
    outline = Outline(files[INDEX])
    assert EVIL in outline.text
    assert [tag for tag, _ in outline.tags if tag in ("script", "img", "link")] == []
    assert "\u202e" not in report + files[INDEX]


def test_the_how_to_names_every_document_with_its_gates_and_texts():
    page = (PROJECT_DIR / "docs" / "how-to" / "dossier.md").read_text(encoding="utf-8")
    numbers = {key: number for number, key in enumerate(SECTIONS, start=1)}
    for document in DOCUMENTS:
        gates = ", ".join(str(numbers[key]) for key in SECTIONS if key in document.gates)
        texts = ", ".join(f"`{asked.key}`" for asked in document.asked)
        assert f"| {document.title} | {gates} | {texts} |".replace("|  |", "| |") in page
