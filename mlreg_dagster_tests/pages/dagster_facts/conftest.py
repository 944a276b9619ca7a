"""Both ways to ask the instance of `recorded_home`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.dagster_facts.files import FilesFacts
from mlreg_dagster.pages.dagster_facts.web_server import WebServerFacts
from mlreg_dagster.verification.client import Client
from mlreg_dagster_tests.graphql import Page, page_of

Ask = Callable[..., DagsterFacts]


class InProcess(Client):
    """A client whose web server is in this process."""

    def __init__(self, page: Page) -> None:
        super().__init__("http://in.process")
        self._page = page

    def ask(self, query: str, **variables: object) -> object:
        return self._page.ask(query, **variables)


@pytest.fixture(scope="module")
def page(recorded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A web server on a copy of the instance: it writes what it looks up."""
    copy = Path(shutil.copytree(recorded_home, tmp_path_factory.mktemp("served") / "home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(copy / "dagster"))
        patch.setenv("MLREG_HOME", str(copy))
        patch.setenv("MLREG_CONFIG_DIR", str(recorded_home.with_name("home-configs")))
        with dg.DagsterInstance.get() as instance, page_of(instance) as page:
            yield page


@pytest.fixture
def files(recorded_home: Path) -> Ask:
    """Makes the facts of its files, as of a time."""
    return lambda until=None: FilesFacts(recorded_home / "dagster", until)


@pytest.fixture
def web_server(page: Page) -> Ask:
    """Makes the facts of its web server, as of a time."""
    return lambda until=None: WebServerFacts(InProcess(page), until)


@pytest.fixture(params=["files", "web_server"])
def facts(request: pytest.FixtureRequest) -> Ask:
    """Makes the facts of either."""
    return request.getfixturevalue(request.param)
