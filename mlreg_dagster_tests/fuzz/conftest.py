from collections.abc import Iterator

import pytest

from mlreg_dagster_tests.fuzz import profile


@pytest.fixture(scope="session", autouse=True)
def tally() -> Iterator[None]:
    """With -s one sees how many cases were tried."""
    yield
    for what, words in profile.told().items():
        print(f"\n{what}: {words}", end="")
