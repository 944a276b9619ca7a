"""What a page of the documentation asks its reader to do: its fenced blocks.

Rules that readers can see on the page:

- `sh` blocks are commands. A block that begins with `# Not run in CI: <why>` is left out.
- A block whose first line is a comment that names a file (`# configs/ingest.yaml`) is the text of that file.
- Other `python` blocks are examples, run in the order of the page.
- `dagster dev` runs until its block ends.

`.ci/page_commands.py` runs the commands, `test_examples.py` the Python, `serving/clients/test_pages.py` what asks a
server that scores.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

PROJECT = Path(__file__).resolve().parents[2]
NOT_RUN = "# Not run in CI: "
_FENCE = re.compile(r"^( *)```([\w{}-]*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_SET_UP = ("python3 bootstrap.py", ". .venv/bin/activate")  # of the environment that runs already


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line on which it begins."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file whose text it is."""
        named = _FILE.match(self.text)
        return named[1] if named and self.language != "sh" else None

    @property
    def is_run(self) -> bool:
        """Whether it holds commands or examples to run."""
        return self.language in ("sh", "python") and not self.file and not self.text.startswith(NOT_RUN)

    @property
    def commands(self) -> list[str]:
        """One command a line; a backslash goes on in the next, a comment is left out."""
        lines = (re.sub(r"(^|\s+)#.*", "", line) for line in self.text.replace("\\\n", " ").splitlines())
        found = (" ".join(line.split()) for line in lines)
        return [command for command in found if command and not command.startswith(_SET_UP)]


def all_pages() -> list[Path]:
    """Every page with text for people."""
    pages = [path for path in (PROJECT / "docs").rglob("*.md") if "_ext" not in path.parts]
    return [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(pages)]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, without directives of the generator."""
    text = page.read_text(encoding="utf-8")
    found = (Block(each[2], dedent(each[3]), text.count("\n", 0, each.start()) + 1) for each in _FENCE.finditer(text))
    return [block for block in found if not block.language.startswith("{")]
