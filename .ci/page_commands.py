"""Run the commands of pages, as they stand there, in one shell and one scratch folder.

    .venv/bin/python .ci/page_commands.py README.md docs/quickstart.md

Later pages go on where earlier ones ended: same folder, same variables. Where MLREG_HOME is set, they begin with that
home. Ends with 1 at the first command that fails. `mlreg_dagster_tests/documentation/pages.py` says what is a command.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from mlreg_dagster_tests.documentation.pages import blocks  # noqa: E402

FUNCTIONS = PROJECT / ".ci" / "page_functions.sh"
SERVED = {"dagster dev": "serve", "mlreg pages": "show_pages"}
"""Commands that go on until the block ends, and the functions that start them."""
MAY_END_WITH_1 = ("mlreg evaluate", "mlreg bundle")  # a failed gate and an incomplete section are results
CHANGES_THE_SHELL = ("export ", "unset ", "eval ", "cd ")


def main(pages: list[str]) -> int:
    """Run the pages; returns the exit code."""
    steps = [step for page in pages for step in steps_of(PROJECT / page)]
    if not any(step.startswith("say ") for step in steps):
        print("There are no commands to run on", *pages)
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlreg-pages-") as folder:
        shutil.copy(PROJECT / "workspace.yaml", folder)
        script = "\n".join([f". {shlex.quote(str(FUNCTIONS))}", *steps, "stop"])
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        code = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL).returncode
    print(f"{', '.join(pages)}: {'passed' if code == 0 else 'FAILED'} after {time.monotonic() - began:.0f} s")
    return min(code, 1)


def steps_of(page: Path) -> Iterator[str]:
    """The page as lines of a shell script."""
    for block in blocks(page):
        yield f"where={shlex.quote(f'{page.name}:{block.line}')}"
        if block.file:
            yield f"write {shlex.quote(block.file)} {shlex.quote(block.text)}"
        elif block.is_run and block.language == "sh":
            for command in block.commands:
                yield f"say {shlex.quote(command)}"
                yield _step(command)
            yield "stop"


def _step(command: str) -> str:
    if command in SERVED:
        return SERVED[command]
    if command.startswith(CHANGES_THE_SHELL):
        return command
    if command.startswith(MAY_END_WITH_1):
        return f'{command} >"$log" 2>&1 || [ $? -eq 1 ]'
    return f'{command} >"$log" 2>&1'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
