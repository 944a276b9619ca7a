"""Python and curl on the pages of the server's documentation, as they stand there, on a server."""

import gc
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlreg_dagster_tests.documentation.pages import PROJECT, Block, blocks
from mlreg_dagster_tests.serving.running import Server

pytestmark = pytest.mark.slow

OURS = "# Not run in CI: a server has to run; the tests of the server run it.\n"
ADDRESS = re.compile(r"(localhost|127\.0\.0\.1):8808")


def blocks_of(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.text.startswith(OURS)]


PAGES = [page for page in sorted((PROJECT / "docs" / "serving").glob("*.md")) if blocks_of(page)]


def test_pages_have_examples() -> None:
    assert {"open-inference.md", "mlflow.md"} <= {page.name for page in PAGES}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(
    page: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks_of(page):
        text = ADDRESS.sub(":".join(map(str, server.address)), block.text)
        if block.language == "python":
            exec(compile("\n" * block.line + text, str(page), "exec"), names)
        else:
            for command in Block("sh", text.removeprefix(OURS), block.line).commands:
                subprocess.run(shlex.split(command), check=True, timeout=300)
    names.clear()
    gc.collect()  # so that what they leave open is closed here
    assert "score" in capfd.readouterr().out
