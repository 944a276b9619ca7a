"""The notebook runs on a home that went through the lifecycle, and is stored without what one run of it gave."""

import json
import shutil

import pytest

from mlreg_dagster_tests.repository import PROJECT_DIR

NOTEBOOK = PROJECT_DIR / "examples" / "client.ipynb"


@pytest.fixture
def cells():
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_it_holds_no_output(cells):
    assert [(cell["outputs"], cell["execution_count"]) for cell in cells] == [([], None)] * len(cells)


@pytest.mark.slow
def test_its_cells_run_one_after_the_other(cells, own_home, live_home):
    shutil.copytree(live_home, own_home)
    names = {}
    for number, cell in enumerate(cells):
        exec(compile(cell["source"], f"cell {number}", "exec"), names)
    assert names["move"].version == "v2"
    assert (len(names["scored"]), names["is_same"]) == (12, True)
