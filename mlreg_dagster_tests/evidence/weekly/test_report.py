"""The weekly report says what is stored, nothing is green that is not, and the page stands alone."""

import pandas as pd

from mlreg_dagster.evidence.weekly.report import make_report
from mlreg_dagster.evidence.weekly.week import week_of
from mlreg_dagster_tests.lifecycle import LIVE, NOW

LIMIT = 2_000_000


def report_on(world, time=LIVE, settings=None):
    return make_report(
        week_of(time), world.registry, world.warehouse, settings or world.settings, pd.Timestamp(NOW, tz="UTC")
    )


def section(report, title):
    return next(each for each in report.sections if each.title == title)


def with_limits(world, **limits):
    evaluation = world.settings.evaluation.model_copy(update=limits)
    return world.settings.model_copy(update={"evaluation": evaluation})


def test_it_names_the_champion_of_the_end_of_the_week_and_each_move(live):
    found = section(report_on(live), "Versions")
    assert "Champion at the end of the week: v2." in found.text
    moves = [row["what"] for row in found.rows if "champion:" in row["what"]]
    assert moves == ["champion: none to v1", "champion: v1 to v2"]


def test_the_flagged_share_is_that_of_the_predictions_and_out_of_its_limits_it_is_not_in_order(live):
    rows = live.warehouse.query("SELECT is_anomaly FROM predictions WHERE role = 'champion' AND NOT in_sample")
    found = section(
        report_on(live, settings=with_limits(live, min_anomaly_rate=0.0, max_anomaly_rate=1.0)), "Flagged share"
    )
    assert sum(row["predictions"] for row in found.rows) == len(rows)
    assert sum(row["flagged"] for row in found.rows) == rows["is_anomaly"].sum()
    assert found.state == "in order"
    narrow = report_on(live, settings=with_limits(live, min_anomaly_rate=0.0, max_anomaly_rate=0.0001))
    assert section(narrow, "Flagged share").state == "needs attention"
    assert "Flagged share" in narrow.needs_attention


def test_a_week_in_which_nothing_was_scored_is_unknown_and_not_in_order(trained):
    report = report_on(trained)
    assert section(report, "Flagged share").state == "unknown"
    assert section(report, "Worth").state == "unknown"
    assert section(report, "Versions").state == "needs attention"  # nobody is champion


def test_the_page_is_small_asks_for_nothing_from_outside_and_escapes_what_people_wrote(live):
    live.promote("v1", pd.Timestamp(NOW, tz="UTC").floor("h"), reason="<script>alert(1)</script>")
    html = report_on(live, pd.Timestamp(NOW, tz="UTC")).html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script" not in html
    assert "http" not in html
    assert len(html.encode()) < LIMIT


def test_the_asset_keeps_the_file_of_the_week_that_is_asked_for(live):
    outcome = live.attempt("weekly_report", config={"week": week_of(LIVE).name})
    assert outcome.success
    path = live.home / "reports" / f"{week_of(LIVE).name}.html"
    assert "Champion at the end of the week: v2." in path.read_text(encoding="utf-8")
