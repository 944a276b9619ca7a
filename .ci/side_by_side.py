"""Run several commands at once, and show the output of each in one piece when it has ended.

    python3 .ci/side_by_side.py --at-once 3 'types=mypy' 'docs=sphinx-build docs build'

A step is NAME=COMMAND, the command in bash (`set -euo pipefail`; functions that the caller exported are known). Steps
begin in the order given: put the longest first. All of them run, also after one has failed. Last come the steps with
their times, and the output of failed ones once more. Ends with 1 if there is one.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

LINES_AGAIN = 60
"""Of the output of a failed step, at the end."""


@dataclass
class Step:
    """One command, and what is known of it once it has ended."""

    name: str
    command: str
    code: int | None = None
    seconds: float = 0.0
    output: str = ""

    @property
    def summary(self) -> str:
        """One line."""
        ended = "passed" if self.code == 0 else f"FAILED ({self.code})"
        return f"{self.name}: {ended} after {self.seconds:.0f} s"


@dataclass
class Processes:
    """Those that are under way, each with all that it has started in a group of its own."""

    stopped: bool = False
    _running: set["subprocess.Popen[bytes]"] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)  # signals come while it is held

    def run(self, command: str, output: IO[bytes]) -> int:
        """The exit code of a command; nothing that it has started goes on after it."""
        with self._lock:
            if self.stopped:
                return -signal.SIGTERM
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)
            _signal_group(process, signal.SIGKILL)

    def stop(self) -> None:
        """Ask all to end; their traps run."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                _signal_group(process, signal.SIGTERM)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def run(steps: list[Step], at_once: int) -> int:
    """Run the steps; returns the exit code."""
    processes = Processes()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: processes.stop())

    def one(step: Step) -> Step:
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            step.code = processes.run(step.command, output)
            output.seek(0)
            step.output = output.read().decode(errors="replace")
        step.seconds = time.monotonic() - began
        return step

    with ThreadPoolExecutor(at_once) as pool:
        for ended in as_completed([pool.submit(one, step) for step in steps]):
            step = ended.result()
            print(f"\n== {step.name}\n{step.output.rstrip()}\n-- {step.summary}", flush=True)
    return _conclude(steps)


def _conclude(steps: list[Step]) -> int:
    failed = [step for step in steps if step.code != 0]
    print("\n== all steps")
    for step in steps:
        print(step.summary)
    for step in failed:
        print(f"\n== FAILED: {step.name}, once more", *step.output.splitlines()[-LINES_AGAIN:], sep="\n")
    if failed:
        print(f"\n{len(failed)} of {len(steps)} steps FAILED: {', '.join(step.name for step in failed)}")
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    """Read the steps and run them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("steps", nargs="+", metavar="NAME=COMMAND")
    chosen = parser.parse_args(arguments)
    return run([Step(*each.split("=", 1)) for each in chosen.steps], chosen.at_once)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
