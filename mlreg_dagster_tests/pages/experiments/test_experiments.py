"""Pages of experiments: studies, sweeps, evaluations under other settings, with filters, times and links both ways."""

import dataclasses
from datetime import timedelta

import pytest

from mlreg_dagster.config.places import artifacts_root
from mlreg_dagster.models.sweeps.plan import freeze_plan
from mlreg_dagster.models.tuning.record import PRUNED, write_study
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.models.sweeps.plans import a_plan, judge, train_planned
from mlreg_dagster_tests.models.tuning.studies import a_study
from mlreg_dagster_tests.pages.asked import Site
from mlreg_dagster_tests.registry.builders import BAD, NOW, evaluate, register

HOUR = timedelta(hours=1)
PLAN = a_plan(now=NOW + HOUR)


@pytest.fixture
def empty(tmp_path) -> Site:
    return Site(tmp_path / "home")


@pytest.fixture
def site(empty: Site) -> Site:
    """A study and a version of it; a sweep, of which one version is missing; an evaluation with another seed."""
    store, registry = open_artifacts(artifacts_root(empty.folder)), empty.registry
    write_study(store, dataclasses.replace(a_study(), finished_at=NOW.isoformat()))
    register(registry, "v1", manifest={"features": ["a"], "study": {"name": "forest", "trial": 1}}, created_at=NOW)
    evaluate(registry, "v1", departures=("injection.seeds was 3 instead of 5",), recorded_at=NOW + HOUR)
    freeze_plan(PLAN, store)
    for number, precision, verdict, gates in ((0, 0.6, None, ()), (1, 0.7, "better", (BAD,))):
        train_planned(registry, PLAN, number, created_at=NOW + 2 * HOUR)
        judge(registry, PLAN, number, precision, verdict, *gates, recorded_at=NOW + 3 * HOUR)
    return empty


def names(site: Site, **query) -> list[str]:
    return [each["name"] for each in site.facts("experiments", **query)["experiments"]]


def page_of(site: Site, key: str, name: str, **query) -> str:
    return site.html(key, name=name, **query)


def test_all_kinds_are_listed_the_newest_first_and_narrowed_by_filters(site):
    found = site.facts("experiments")
    assert found["counts"] == {"study": 1, "sweep": 1, "evaluation": 1}
    assert [(each["kind"], each["versions"]) for each in found["experiments"]] == [
        ("sweep", ["v4", "v5"]), ("evaluation", ["v1"]), ("study", ["v1"]),
    ]  # fmt: skip
    assert names(site, kind="sweep") == ["trees"]
    assert names(site, dataset="2017-12-14") == ["forest"]
    assert "There is no kind" in site.html("experiments", 400, kind="replay")
    page = site.html("experiments")
    assert "1 better than the base (few)" in page
    assert "No gain can be told." in page
    assert "which admits nothing: injection.seeds was 3 instead of 5" in page
    for link in ("/experiments/sweep/trees", "/experiments/study/forest", "/versions/v1", "/models", "/compare"):
        assert f'href="{link}"' in page


def test_a_home_without_experiments_says_how_they_are_made(empty):
    register(empty.registry, "v1")
    assert "mlreg sweep FILE" in empty.html("experiments")


def test_what_was_not_there_yet_is_not_shown(site):
    assert names(site, as_of=NOW - HOUR) == []
    assert names(site, as_of=NOW) == ["forest"]
    planned = site.facts("sweep", name="trees", as_of=NOW + HOUR)
    assert [row["state"] for row in planned["rows"]] == ["missing"] * 3
    assert "/models?sweep" not in page_of(site, "sweep", "trees", as_of=NOW + HOUR)  # Models knows no such sweep yet
    assert "There is no sweep" in page_of(site, "sweep", "trees", status=404, as_of=NOW)
    assert "There is no finished study" in page_of(site, "study", "forest", status=404, as_of=NOW - HOUR)
    for key in ("sweep", "study"):
        page_of(site, key, "nothing", status=404)


def test_a_sweep_is_one_table_against_base_and_baseline(site):
    found = site.facts("sweep", name="trees")
    assert [row["state"] for row in found["rows"]] == ["evaluated", "rejected", "missing"]
    assert (found["base"], found["baseline_average_precision"], found["of"]) == ("v4", 0.4, 2)
    page = page_of(site, "sweep", "trees")
    assert 'href="/compare/v5/v4"' in page
    assert 'href="/models?sweep=trees"' in page
    assert 'href="/versions/v6"' not in page  # it is not there
    assert "params.n_estimators: 50" in page
    assert "score gap" in page
    assert "1 of 3 are not done yet" in page


def test_links_lead_back_from_models_and_comparisons(site):
    rows = {each["version"]: each for each in site.facts("models")["versions"]}
    assert (rows["v5"]["sweep"], rows["v1"]["study"], rows["v1"]["sweep"]) == ("trees", "forest", None)
    assert [each["version"] for each in site.facts("models", sweep="trees")["versions"]] == ["v5", "v4"]
    page = site.html("models")
    for link in ("/experiments", "/experiments/sweep/trees", "/experiments/study/forest"):
        assert f'href="{link}"' in page
    assert 'href="/experiments/sweep/trees"' in site.html("comparison", left="v5", right="v4")


def test_a_study_shows_best_result_interval_and_its_trials_page_by_page(site):
    found = site.facts("study", name="forest")
    assert (found["best"]["number"], found["result"]) == (1, "No gain can be told.")
    assert found["versions"] == [{"version": "v1", "trial": 1}]
    page = page_of(site, "study", "forest")
    assert "-0.01 to 0.05" in page
    assert "not distinguishable" in page
    assert 'href="/versions/v1"' in page
    many = tuple(dataclasses.replace(a_study().trials[1], number=number, value=number / 100) for number in range(120))
    store = open_artifacts(artifacts_root(site.folder))
    write_study(store, dataclasses.replace(a_study("many"), trials=many, best=119, finished_at=NOW.isoformat()))

    def shown(**query):
        return [each["number"] for each in site.facts("study", name="many", **query)["trials"]]

    assert [*shown(), *shown(page=2), *shown(page=3)] == list(range(120))
    assert shown(order="value")[:2] == [119, 118]
    assert shown(state=PRUNED) == []
    assert "There is no state" in page_of(site, "study", "many", status=400, state="lost")


def test_what_is_damaged_or_lies_in_another_home_is_named_and_hides_nothing_else(site):
    for file in ("sweeps/trees/sweep.json", "studies/forest/study.json"):
        path = site.folder / "artifacts" / file
        path.chmod(0o600)
        path.write_text("{}")
    train_planned(site.registry, a_plan("elsewhere", first=8), 1)
    register(site.registry, "v20", manifest={"features": ["a"], "study": {"name": "far", "trial": 3}})
    found = {each["name"]: each for each in site.facts("experiments")["experiments"]}
    assert {"trees", "forest", "elsewhere", "far"} <= set(found)
    assert "trees" in found["trees"]["problem"]
    assert found["forest"]["versions"] == ["v1"]
    assert 'role="alert"' in page_of(site, "sweep", "trees")
    assert 'role="alert"' in page_of(site, "study", "forest")
    assert "its plan is in another home" in page_of(site, "sweep", "elsewhere")
    assert 'href="/versions/v20"' in page_of(site, "study", "far")
