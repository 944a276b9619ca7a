"""Run the README's commands, as they stand there, on the home that its demo left behind.

    MLREG_HOME=… .venv/bin/python .ci/readme_commands.py

The demo and the tests themselves are left to the caller. Ends with 1 at the first command that fails.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SET_UP = ("python3 bootstrap.py", ". .venv/bin/activate", "eval ")
MAY_END_WITH_1 = ("mlreg evaluate",)  # a failed gate is a result
WHILE_SERVED = "mlreg verify"  # asks the web server
UI_URL, UI_WAIT_S = "http://127.0.0.1:3000/server_info", 120


def main() -> int:
    """Run everything; returns the exit code."""
    commands = [command for block in _blocks() for command in _commands(block)]
    if not commands:
        print("README.md holds no commands to run.")
        return 1
    of_the_served = [command for command in commands if command.startswith(WHILE_SERVED)]
    for command in commands:
        if command.startswith(SET_UP) or command in of_the_served:
            continue
        print(f"$ {command}", flush=True)
        if command == "dagster dev":
            _serve(command, of_the_served)
        elif not _succeeds(command):
            return 1
    return 0


def _blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def _commands(block: str) -> list[str]:
    """One command a line; a backslash goes on in the next, a comment is left out."""
    lines = block.replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"\s+#.*", "", line).strip())]


def _in_shell(command: str) -> list[str]:
    return ["bash", "-c", f'set -e; . .venv/bin/activate; eval "$(mlreg env)"; exec {command}']


def _succeeds(command: str) -> bool:
    done = subprocess.run(_in_shell(command), cwd=PROJECT, capture_output=True, text=True)
    if done.returncode == 0 or (done.returncode == 1 and command.startswith(MAY_END_WITH_1)):
        return True
    print(done.stdout[-3000:], done.stderr[-3000:], f"FAILED with {done.returncode}", sep="\n")
    return False


def _serve(command: str, of_the_served: list[str]) -> None:
    """Start the UI, wait for its answer, run what asks it, end it."""
    server = subprocess.Popen(
        ["env", "--default-signal=INT,TERM", *_in_shell(command)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_answer(server)
        for asked in of_the_served:
            print(f"$ {asked}", flush=True)
            if not _succeeds(asked):
                raise SystemExit(f"{asked} failed while {command} ran.")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def _wait_for_answer(server: subprocess.Popen[bytes]) -> None:
    for _ in range(UI_WAIT_S):
        if server.poll() is not None:
            raise SystemExit(f"dagster dev ended with {server.returncode} before it answered.")
        try:
            with urllib.request.urlopen(UI_URL, timeout=5):
                return
        except OSError:
            time.sleep(1)
    raise SystemExit(f"dagster dev did not answer at {UI_URL} within {UI_WAIT_S} s.")


if __name__ == "__main__":
    sys.exit(main())
