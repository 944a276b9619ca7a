"""Pages say what can be run, name commands that exist, and are run by CI."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from mlreg_dagster.cli.app import app
from mlreg_dagster_tests.documentation.pages import NOT_RUN, PROJECT, Block, all_pages, blocks

COMMANDS = typer.main.get_command(app).commands
PAGES = {str(page.relative_to(PROJECT)): blocks(page) for page in all_pages()}
BLOCKS = [pytest.param(block, id=f"{page}:{block.line}") for page, found in PAGES.items() for block in found]
ROOTS = (PROJECT, PROJECT / "mlreg_dagster", PROJECT / "mlreg_dagster_tests")
YOURS = {"configs/model_mine.yaml", "docs/dossier/feasibility.md"}
"""Files that readers write themselves."""
CALLS = [
    pytest.param(command, id=f"{page}: {command}")
    for page, found in PAGES.items()
    for block in found
    if block.language == "sh"
    for command in block.commands
    if command.startswith("mlreg ")
]


def test_there_are_pages_with_commands():
    assert len(PAGES) > 30
    assert len(CALLS) > 40


@pytest.mark.parametrize("block", BLOCKS)
def test_readers_see_what_a_block_is_for(block: Block):
    assert block.language in ("sh", "python", "sql", "yaml", "toml", "text", "")
    if block.language in ("text", ""):
        assert not re.search(r"^(mlreg|dagster|pip|python3?) ", block.text, re.MULTILINE), "commands are sh blocks"
    if block.language == "yaml":
        assert isinstance(yaml.safe_load(block.text), dict)
    if block.text.startswith("# Not run"):
        assert re.match(rf"{NOT_RUN}\w.*\.\n", block.text)
        assert block.text.count("\n") > 1


@pytest.mark.parametrize("call", CALLS)
def test_the_commands_on_pages_exist(call: str):
    _, name, *words = shlex.split(call.replace("…", "x"))
    command = COMMANDS[name]
    if words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words[0]]
    elif hasattr(command, "default"):
        command = command.commands[command.default]
    assert not hasattr(command, "commands") or command.invoke_without_command
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_ci_runs_every_page_with_commands():
    script = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    named = {
        page for line in re.findall(r"page_commands\.py ([^#\n]*)", script) for page in line.split() if page != "&"
    }
    assert named == {
        page for page, found in PAGES.items() if any(block.is_run and block.language == "sh" for block in found)
    }


def test_which_blocks_a_page_has(tmp_path: Path):
    page = tmp_path / "page.md"
    indented = "1. A step:\n\n   ```yaml\n   # a.yaml\n   b:\n     c: 1\n   ```\n"
    page.write_text(f"```sh\nmlreg demo\n```\n{indented}\n```{{toctree}}\nx\n```\n")
    first, second = blocks(page)
    assert (first.language, first.commands, first.line) == ("sh", ["mlreg demo"], 1)
    assert (second.file, second.text, second.line) == ("a.yaml", "# a.yaml\nb:\n  c: 1\n", 6)


def test_what_a_block_is():
    assert Block("sh", "mlreg train \\\n  --model a   # why\n# a comment\n", 1).commands == ["mlreg train --model a"]
    assert Block("yaml", "# configs/ingest.yaml\nsource: archive\n", 1).file == "configs/ingest.yaml"
    assert Block("sh", "# configs/ingest.yaml\n", 1).file is None
    assert not Block("sh", f"{NOT_RUN}it asks the network.\nmlreg train\n", 1).is_run
    assert Block("python", "import mlreg_dagster\n", 1).is_run


def test_files_of_the_project_that_pages_name_exist():
    text = "\n".join(page.read_text(encoding="utf-8") for page in all_pages())
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|md|yaml))`", text)) - YOURS
    assert len(named) > 10
    assert {each for each in named if not any((root / each).exists() for root in ROOTS)} == set()
