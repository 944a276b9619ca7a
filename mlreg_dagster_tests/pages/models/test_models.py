"""Versions on the pages: from candidate to champion and further, filters, pages of the list, the metric's picture."""

from datetime import timedelta

import pytest

from mlreg_dagster_tests.pages.asked import Site
from mlreg_dagster_tests.registry.builders import BAD, NOW, GateResult, evaluate, move, register

HOUR = timedelta(hours=1)


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path / "home")


def state_of(site: Site, version: str, when) -> tuple[str, list[str]]:
    """Status and badges in the list; the page that readers see has to say the same."""
    (row,) = [each for each in site.facts("models", as_of=when)["versions"] if each["version"] == version]
    badges = [each["text"] for each in row["badges"]]
    page = site.html("models", as_of=when)
    assert all(f">{text}</span>" in page for text in (row["status"], *badges))
    return row["status"], badges


def test_a_candidate_is_evaluated_and_becomes_champion(site):
    registry = site.registry
    for hour, version in enumerate(("v1", "v2")):
        register(registry, version, created_at=NOW + 4 * hour * HOUR)
        evaluate(registry, version, recorded_at=NOW + (4 * hour + 1) * HOUR)
        holder = registry.holder("champion")
        at = NOW + (4 * hour + 2) * HOUR
        move(registry, version, holder.version if holder else None, time=at, effective_at=at)
    assert site.facts("models", as_of=NOW - HOUR)["versions"] == []
    assert state_of(site, "v1", NOW) == ("candidate", [])
    assert state_of(site, "v1", NOW + HOUR) == ("evaluated", [])
    assert state_of(site, "v1", NOW + 2 * HOUR) == ("evaluated", ["champion"])
    assert state_of(site, "v2", NOW + 5 * HOUR) == ("evaluated", [])
    assert state_of(site, "v2", NOW + 6 * HOUR) == ("evaluated", ["champion"])
    assert state_of(site, "v1", NOW + 6 * HOUR) == ("evaluated", ["former champion"])
    overview = site.facts("overview", as_of=NOW + HOUR)
    assert overview["versions"] == {"candidate": 0, "evaluated": 1, "rejected": 0}
    assert [each["version"] for each in overview["waiting"]] == ["v1"]
    assert site.facts("overview", as_of=NOW + 2 * HOUR)["waiting"] == []


def measured(margin: float, low: float | None = None) -> GateResult:
    interval = None if low is None else {"low": low, "high": margin + 0.1, "seeds": {}, "days": {}}
    return GateResult("injection_average_precision", margin > 0, margin, "at least 0", "planted", interval)


@pytest.fixture
def many(site: Site) -> Site:
    """45 versions of two detectors, of which one failed, one was only an experiment, and one was caused by drift."""
    for number in range(1, 46):
        name = f"v{number}"
        manifest = {"cause": {"trigger": "drift", "key": "k", "reason": "it drifts"}} if number == 3 else {}
        detector = "isolation_forest" if number % 2 else "local_outlier_factor"
        register(site.registry, name, created_at=NOW, detector=detector, manifest=manifest)
        metrics = {"average_precision": 0.5 + number / 100, "baseline_average_precision": 0.4}
        if number == 2:
            evaluate(site.registry, name, departures=("another seed",))
        elif number == 4:
            evaluate(site.registry, name, BAD)
        else:
            evaluate(site.registry, name, measured(0.1 + number / 100, 0.05), metrics=metrics)
    return site


def names(site: Site, **query) -> list[str]:
    return [row["version"] for row in site.facts("models", **query)["versions"]]


def test_filters_and_pages_of_the_list(many):
    first = many.facts("models")
    assert (first["total"], first["list_page"]) == (45, {"number": 1, "count": 2, "items": 45})
    assert [*names(many), *names(many, page=2)] == [f"v{number}" for number in range(45, 0, -1)]
    assert names(many, trigger="drift") == ["v3"]
    assert names(many, experiment="with") == names(many, experiment="only") == ["v2"]
    assert set(names(many, detector="local_outlier_factor")) == {f"v{number}" for number in range(2, 46, 2)}
    for query in ({"page": 3}, {"page": "x"}, {"detector": "none"}, {"experiment": "no"}, {"metric": "beauty"}):
        many.html("models", status=400, **query)
    page = many.html("models", detector="isolation_forest")
    assert '<option value="isolation_forest" selected>' in page
    assert "page=2" not in page
    assert "page=2" in many.html("models")


def test_a_row_shows_its_gates_and_its_margin_with_the_interval(many):
    rows = {row["version"]: row for page in (1, 2) for row in many.facts("models", page=page)["versions"]}
    assert (rows["v45"]["average_precision"], rows["v45"]["baseline_average_precision"]) == (0.95, 0.4)
    assert (rows["v45"]["margin"], rows["v45"]["margin_low"]) == (0.55, 0.05)
    assert rows["v45"]["margin_high"] == pytest.approx(0.65)
    assert (rows["v4"]["status"], rows["v4"]["failed_gates"]) == ("rejected", ["score_gap"])
    assert (rows["v2"]["status"], [each["kind"] for each in rows["v2"]["badges"]]) == ("candidate", ["experiment"])
    assert (rows["v3"]["trigger"], rows["v3"]["cause"]) == ("drift", "it drifts")
    assert rows["v1"]["worth"] is None
    assert "0.55 (0.05 to 0.65)" in many.html("models").replace("\n", "")


def test_the_metric_over_versions_is_drawn_of_those_that_the_filters_keep(many):
    found = many.facts("models", metric="margin", detector="isolation_forest")
    assert [point[0] for point in found["points"]] == [f"v{number}" for number in range(1, 46, 2)]
    assert found["points"][-1][1:4] == [0.55, 0.05, pytest.approx(0.65)]
    assert "<img" not in many.html("models", trigger="drift")  # one version is no line
    page = many.html("models", metric="margin")
    assert 'alt="Average precision minus the baseline' in page
    assert "<h2>Precision on outcomes" not in many.html("models", metric="worth")  # no version has an outcome
