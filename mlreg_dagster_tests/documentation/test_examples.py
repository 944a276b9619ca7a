"""Every Python example of the documentation runs, page by page, on a home with a champion."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from mlreg_dagster_tests.documentation.pages import PROJECT, all_pages, blocks
from mlreg_dagster_tests.lifecycle import write_configs

PAGES = [page for page in all_pages() if any(block.is_run and block.language == "python" for block in blocks(page))]


def test_there_are_examples():
    assert PAGES


@pytest.mark.usefixtures("dagster_home")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_the_examples_of_a_page(
    page: Path, live_home: Path, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(live_home, own_home)
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(write_configs(tmp_path / "configs")))
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    known, names = set(sys.modules), {"__name__": "__main__"}
    for block in blocks(page):
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.is_run and block.language == "python":
            lines = "\n" * block.line + block.text  # so that a traceback names the page's line
            exec(compile(lines, os.fspath(page), "exec"), names)
    for name in set(sys.modules) - known:  # files of this page must not be imported by the next one
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(folder)):
            del sys.modules[name]
