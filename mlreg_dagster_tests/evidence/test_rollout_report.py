"""The page of an A/B test: the interval over time as a picture, what stopped it, and nothing that acts."""

from dataclasses import replace

import pytest

from mlreg_dagster.evidence.rollout_report import interval_over_time, render
from mlreg_dagster.governance.rollout.reporting import answers_of
from mlreg_dagster.storage.rollout_counts import ArmCounts, Counted, CountedPeriod
from mlreg_dagster_tests.governance.rollout.test_ab import DAY, OPENED, event, events, market, report

OVER = events(event(3, "finished", 15, "finish", "Matured outcomes show that the candidate is worse."))


def page(made, answers=(), changes=OVER):
    return render(made, answers, changes, OPENED + 30 * DAY)


def test_a_test_that_was_stopped_says_by_which_look():
    made = report(market(recall=0.2), OVER, day=30)
    text = page(made)
    assert "A/B test 1 of champion: v2 against v1" in text
    assert '<span class="state bad">worse</span>' in text
    assert "v2 is worse than v1: the mean loss differs by +0.3" in text
    assert "Matured outcomes show that the candidate is worse." in text
    assert text.count("<img") == 2
    assert "<script" not in text


def test_one_that_is_too_young_has_no_picture_of_an_interval():
    made = report(market(recall=0.5), day=2)
    assert interval_over_time(made) == "_No block of two days has known outcomes yet._"
    text = page(made, changes=events())
    assert "too early" in text
    assert "it goes on" in text
    assert "No block of two days has known outcomes yet." in text
    assert text.count("<img") == 1


@pytest.mark.pictures
def test_the_picture_is_the_same_for_the_same_looks_and_shows_the_stop():
    stopped = report(market(recall=0.2), OVER, day=30)
    assert interval_over_time(stopped) == interval_over_time(stopped)
    assert interval_over_time(stopped) != interval_over_time(replace(stopped, stopped=None))


def test_what_servers_counted_is_summed_by_version():
    period = CountedPeriod(
        "p", 2, OPENED, OPENED, ArmCounts(requests=10, rows=20, cpu_seconds=0.02), ArmCounts(requests=5, errors=1),
        ArmCounts(requests=9, rows=18, flagged=2),
    )  # fmt: skip
    found = answers_of(Counted((period, period)), events())
    assert [(each.version, each.what, each.requests) for each in found] == [
        ("v2", "answers", 10),
        ("v2", "shadow answers", 18),
        ("v1", "answers", 20),
    ]
    assert [each.cpu_ms_per_1000 for each in found] == [None, 0.0, 1_000.0]
    assert answers_of(Counted(()), events()) == []
    assert "shadow answers" in page(report(market(recall=0.5), OVER, day=30), found)


def test_a_reason_is_text():
    changes = events(event(3, "rolled_back", 5, "abort", "<b>stop</b>"))
    text = page(report(market(recall=0.5), changes, day=30), changes=changes)
    assert "&lt;b&gt;stop&lt;/b&gt;" in text
    assert "<b>stop" not in text
