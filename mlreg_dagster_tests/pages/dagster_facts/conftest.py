"""An instance with materializations and checks of every kind, and both ways to ask it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.dagster_facts.files import FilesFacts
from mlreg_dagster.pages.dagster_facts.web_server import WebServerFacts
from mlreg_dagster.runner import asset_config
from mlreg_dagster.verification.client import Client
from mlreg_dagster_tests.graphql import Page, page_of
from mlreg_dagster_tests.lifecycle import LIVE, Lifecycle

PICTURE = "![three points](data:image/svg+xml;base64,PHN2Zy8+)"
HOURS = [f"2026-01-01-{hour:02}:00" for hour in range(24)]


class InProcess(Client):
    """A client whose web server is in this process."""

    def __init__(self, page: Page) -> None:
        super().__init__("http://in.process")
        self._page = page

    def ask(self, query: str, **variables: object) -> object:
        return self._page.ask(query, **variables)


@pytest.fixture(scope="module")
def dagster_home(
    made_dagster_home: Path, trained_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Runs have evaluated v1 and promoted it; hours, odd values and a wiped asset are reported beside."""
    folder = tmp_path_factory.mktemp("recorded")
    home = Path(shutil.copytree(made_dagster_home, folder / "dagster"))
    shutil.copytree(trained_home, folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("MLREG_HOME", str(folder / "home"))
        with dg.DagsterInstance.get() as instance:
            world = Lifecycle(folder / "home", instance=instance)
            patch.setenv("MLREG_CONFIG_DIR", str(world.config_dir))
            world.run_partition(jobs.EVALUATE, "v1", asset_config("evaluated_model", {"actor": "tester"}))
            world.promote("v1", LIVE)
            for key in HOURS:
                pictures = {"picture": dg.MetadataValue.md(PICTURE)} if key in (HOURS[3], HOURS[7]) else {}
                report(instance, "market_snapshot", key, {"rows": 12, "share": 0.25, **pictures})
            report(instance, "market_snapshot", HOURS[3], {"said": "_Nothing was drawn._", "path": "__no__"})
            report(instance, "predictions", HOURS[0], ODD)
            report(instance, "feature_sketch", HOURS[0], {"picture": dg.MetadataValue.md(PICTURE)})
            instance.wipe_assets([dg.AssetKey("feature_sketch")])
        yield home


ODD = {
    "flag": True,
    "json": {"a": [1, None, "é"]},
    "link": dg.MetadataValue.url("http://127.0.0.1:8810/hours/2026-01-01-00:00"),
    "path": dg.MetadataValue.path("/nowhere"),
    "table": dg.MetadataValue.table(
        [dg.TableRecord({"x": 1, "y": "two"})], dg.TableSchema([dg.TableColumn("x"), dg.TableColumn("y")])
    ),
    "words": "a_b_",
}


def report(instance: dg.DagsterInstance, asset: str, partition: str | None, metadata: dict[str, object]) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, metadata=metadata))


@pytest.fixture(scope="module")
def page(dagster_home: Path) -> Iterator[Page]:
    """The web server of that instance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(dagster_home))
        patch.setenv("MLREG_HOME", str(dagster_home.parent / "home"))
        patch.setenv("MLREG_CONFIG_DIR", str(dagster_home.parent / "home-configs"))
        with dg.DagsterInstance.get() as instance, page_of(instance) as page:
            yield page


Ask = Callable[..., DagsterFacts]


@pytest.fixture
def files(dagster_home: Path) -> Ask:
    """Makes the facts of its files, as of a time."""
    return lambda until=None: FilesFacts(dagster_home, until)


@pytest.fixture
def web_server(page: Page) -> Ask:
    """Makes the facts of its web server, as of a time."""
    return lambda until=None: WebServerFacts(InProcess(page), until)


@pytest.fixture(params=["files", "web_server"])
def facts(request: pytest.FixtureRequest) -> Ask:
    """Makes the facts of either."""
    return request.getfixturevalue(request.param)
