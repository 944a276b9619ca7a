"""Pages of pictures: every asset's, one by one, and two side by side."""

import base64
import re
import shutil

import dagster as dg
import pytest

from mlreg_dagster.core.names import ASSETS
from mlreg_dagster.core.untrusted.pictures import picture_in
from mlreg_dagster.operations.branches.record import write_record
from mlreg_dagster.pages.dagster_facts.files import FilesFacts
from mlreg_dagster_tests.operations.branches.test_finding import record_of
from mlreg_dagster_tests.pages.recorded import HOURS, report
from mlreg_dagster_tests.pages.sites import client_of

pytestmark = pytest.mark.pictures

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>{}</text></svg>'


def picture_of(words, content=None):
    encoded = base64.b64encode((content or SVG.format(words)).encode()).decode()
    return dg.MetadataValue.md(f"![{words}](data:image/svg+xml;base64,{encoded})")


EVIL = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def home(recorded_home, tmp_path_factory):
    """Every asset has a picture; champion_model has many, and predictions such as are not shown."""
    home = tmp_path_factory.mktemp("cards") / "home"
    shutil.copytree(recorded_home, home)
    shutil.copytree(recorded_home.with_name("home-configs"), home.with_name("home-configs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        with dg.DagsterInstance.get() as instance:
            for asset in set(ASSETS) - {"evaluated_model"}:
                report(instance, asset, None, {"picture": picture_of(f"all of {asset}")})
            for number in range(25):
                report(instance, "delivery_bundle", f"v{number + 1}", {"picture": picture_of(f"bundle {number + 1}")})
            hostile = {
                "script": picture_of("s", '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
                EVIL: picture_of(EVIL, SVG.format("harmless")),
            }
            report(instance, "predictions", HOURS[5], hostile)
    return home


@pytest.fixture
def site(home, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return client_of(home)


def sources(page):
    return [source.replace("&amp;", "&") for source in re.findall(r'<img [^>]*src="([^"]+)"', page)]


def test_every_asset_with_pictures_is_there_with_its_newest(site):
    cards = site.get("/cards.json").json()["facts"]["cards"]
    assert [card["asset"] for card in cards] == sorted(ASSETS)
    page = site.get("/cards").text
    for asset in ASSETS:
        assert f'href="/cards/{asset}"' in page
    assert 'alt="all of champion_model"' in page
    assert all(site.get(source).headers["content-type"] == "image/svg+xml" for source in sources(page))


def test_a_picture_is_what_the_step_drew(site, home):
    [scores] = [each for each in FilesFacts(home / "dagster").pictures("evaluated_model") if each.label == "scores"]
    page = site.get("/cards/evaluated_model", params={"partition": "v1", "run": scores.run_id}).text
    [source] = [each for each in sources(page) if "label=scores" in each]
    answer = site.get(source)
    assert answer.content == picture_in(scores.markdown).content
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert '<a href="/versions/v1">v1</a>' in page


def test_what_is_hostile_is_said_and_not_shown(site):
    page = site.get("/cards/predictions").text
    assert "not drawing: script" in page
    assert "<script>alert" not in page
    assert len(sources(page)) == 1
    assert site.get(sources(page)[0]).status_code == 200
    refused = site.get("/cards/predictions/picture", params={"label": "script"})
    assert (refused.status_code, refused.headers["content-type"]) == (404, "text/plain; charset=utf-8")


def test_the_two_that_were_asked_for_stand_side_by_side(site):
    asked = {"left": "delivery_bundle", "left_partition": "v3", "right": "delivery_bundle", "right_partition": "v7"}
    page = site.get("/cards/side-by-side", params=asked).text
    assert re.findall(r'<img [^>]*alt="([^"]+)"', page) == ["bundle 3", "bundle 7"]
    assert [b"bundle 3" in site.get(sources(page)[0]).content, b"bundle 7" in site.get(sources(page)[1]).content] == [
        True,
        True,
    ]
    facts = site.get("/cards/side-by-side.json", params=asked).json()["facts"]
    assert (facts["left"]["card"]["partition"], facts["right"]["card"]["partition"]) == ("v3", "v7")
    of_assets = site.get("/cards/side-by-side", params={"left": "predictions", "right": "nothing"}).text
    assert "nothing has no pictures." in of_assets
    assert "Nothing is chosen." in site.get("/cards/side-by-side").text


def test_a_long_list_is_paged(site):
    seen = []
    for number, has_more in ((1, True), (2, False)):
        facts = site.get("/cards/delivery_bundle.json", params={"page": number}).json()["facts"]
        seen += [entry["partition"] for entry in facts["entries"]]
        assert facts["has_more"] is has_more
        assert ('rel="next"' in site.get("/cards/delivery_bundle", params={"page": number}).text) is has_more
    assert seen == [*(f"v{number}" for number in range(25, 0, -1)), None]


def test_the_past_has_the_pictures_of_then(site):
    facts = site.get("/cards/delivery_bundle.json").json()["facts"]
    third = next(entry for entry in facts["entries"] if entry["partition"] == "v20")
    past = site.get("/cards/delivery_bundle.json", params={"as_of": third["at"]}).json()["facts"]
    assert past["card"]["partition"] == past["entries"][0]["partition"] == "v20"
    assert site.get("/cards", params={"as_of": "2020-01-01"}).text.count("<img") == 0
    assert site.get("/cards/delivery_bundle", params={"as_of": "2020-01-01"}).status_code == 404
    missing = site.get("/cards/delivery_bundle/picture", params={"label": "picture", "as_of": "2020-01-01"})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cards/no_such_asset", 404),
        ("/cards/evaluated_model?partition=v9", 404),
        ("/cards/evaluated_model?run=none", 404),
        ("/cards/evaluated_model?page=none", 400),
        ("/cards/evaluated_model?page=0", 400),
        ("/cards/evaluated_model?branch=none", 404),
        ("/cards/evaluated_model/picture?label=scores&branch=none", 404),
        ("/cards/evaluated_model/picture?label=scores&as_of=none", 400),
        ("/cards/evaluated_model/picture", 404),
    ],
)
def test_what_is_not_there_is_said(site, path, status):
    assert site.get(path).status_code == status


def test_a_branch_has_its_own_pictures(recorded_home, tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = shutil.copytree(recorded_home, tmp_path / "home")
    branch = shutil.copytree(recorded_home, tmp_path / "staging")
    write_record(branch, record_of("staging"))
    (home / "branches").mkdir()
    branch = branch.rename(home / "branches" / "staging")
    monkeypatch.setenv("DAGSTER_HOME", str(branch / "dagster"))
    with dg.DagsterInstance.get() as instance:
        report(instance, "weekly_report", None, {"picture": picture_of("of the branch")})
    monkeypatch.delenv("DAGSTER_HOME")
    site = client_of(home)
    page = site.get("/cards/weekly_report", params={"branch": "staging"}).text
    assert b"of the branch" in site.get(sources(page)[0]).content
    assert all("branch=staging" in source for source in sources(page))
    assert site.get("/cards/weekly_report").status_code == 404


def test_pages_stay_small(site):
    for path in ("/cards", "/cards/delivery_bundle", "/cards/side-by-side?left=evaluated_model&right=predictions"):
        assert len(site.get(path).content) < 60_000


def test_a_home_without_dagster_says_so(pages_home, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    site = client_of(pages_home)
    for path in ("/cards", "/cards/predictions", "/cards/side-by-side?left=predictions"):
        answer = site.get(path)
        assert answer.status_code == 200
        assert "no Dagster home yet" in answer.text
