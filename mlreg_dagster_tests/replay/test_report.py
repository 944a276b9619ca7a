"""The page of a replay, from values: the same base and style as the other pages, and nothing in it is markup."""

from mlreg_dagster.evidence.templating import render
from mlreg_dagster_tests.evidence.test_rendering import EVIL, Outline


def page_of(**changes):
    values = {
        "title": "Replay of 2026-01-01 to 2026-01-31",
        "summary": "model trained every 7 days.",
        "note": "Source simulated.",
        "moves": [{"champion": "v1", "by": "replay", "reason": "the first version whose gates passed"}],
        "champions_picture": "![Who was champion when](data:image/svg+xml;base64,AAAA)",
        "months": [{"month": "2026-01", "predictions": 12345, "recall": "12.5% (8.0% to 19.0%)"}],
        "months_picture": "",
        "lead_time": "No crash episode was flagged.",
        "worth": "Not known whether champion is worth having.",
        "comparisons": [{"opponent": "ranking:fall", "verdict": "unknown"}],
        "policies": [{"policy": "always retrain: model", "worth": "unknown"}],
        "versions": [{"version": "v1", "status": "evaluated", "failed gates": ""}],
    }
    return render("replay.html.jinja", package="mlreg_dagster.replay", **values | changes)


def test_what_a_person_wrote_is_no_markup_and_comes_through_whole():
    outline = Outline(page_of(summary=EVIL, moves=[{"champion": "v1", EVIL: EVIL}], versions=[{"detector": EVIL}]))
    assert {tag for tag, _ in outline.tags} & {"script", "link", "form"} == set()
    assert {attrs["src"] for tag, attrs in outline.tags if tag == "img"} == {"data:image/svg+xml;base64,AAAA"}
    assert outline.text.count(EVIL) == 4


def test_numbers_are_grouped_and_what_did_not_happen_is_said():
    assert '<td class="number">12,345</td>' in page_of()
    page = page_of(moves=[], months=[], versions=[])
    assert "No version was champion." in page
    assert "No prediction of a champion has an outcome." in page
