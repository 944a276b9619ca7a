"""The folder of examples, importable; what the examples register is taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlreg_dagster.extensions import isolated, load_extensions

EXAMPLES = Path(__file__).parents[2] / "examples"
MODULES = ["own_detector", "own_feature", "own_gate", "own_notifier", "own_source"]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    with isolated(), pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        load_extensions(MODULES)
        yield
