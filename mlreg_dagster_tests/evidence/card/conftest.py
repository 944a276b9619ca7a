"""The champion whose card is read."""

import shutil

import pytest

from mlreg_dagster_tests.evidence.cards import context_of
from mlreg_dagster_tests.lifecycle import Lifecycle


@pytest.fixture(scope="session")
def champion(live_home, tmp_path_factory):
    """The champion of a world that no test changes, trained again as well."""
    home = tmp_path_factory.mktemp("card") / "home"
    shutil.copytree(live_home, home)
    return Lifecycle(home), context_of(Lifecycle(home), "v2", verify=True)
