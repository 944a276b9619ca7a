"""The steps that CI runs at once: a failure is loud, and no step begins or goes on when it may not."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.waiting import wait_for

COMMAND = [sys.executable, str(PROJECT_DIR / ".ci" / "side_by_side.py"), "--at-once", "2"]


def run(*steps: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *steps], capture_output=True, text=True)


def test_each_output_is_shown_in_one_piece_and_all_passed_is_0():
    answer = run("first=echo a1; sleep 0.3; echo a2", "second=echo b1; sleep 0.2; echo b2 >&2")
    assert answer.returncode == 0
    assert "== first\na1\na2\n-- first: passed" in answer.stdout
    assert "== second\nb1\nb2\n-- second: passed" in answer.stdout
    assert "FAILED" not in answer.stdout


def test_a_failure_stands_at_the_end_and_every_other_step_is_run():
    answer = run("wrong=echo cause; false; echo not reached", "pipe=exit 3 | cat", "right=echo fine")
    assert answer.returncode == 1
    assert "== right\nfine\n-- right: passed" in answer.stdout
    assert "not reached" not in answer.stdout
    end = answer.stdout.split("== all steps\n")[1]
    assert "wrong: FAILED (1)" in end
    assert "== FAILED: wrong, once more\ncause\n" in end
    assert end.splitlines()[-1] == "2 of 3 steps FAILED: wrong, pipe"


def test_functions_of_the_caller_are_known_and_keep_its_way_to_fail():
    call = " ".join([*COMMAND[:2], "step=check"])
    script = f"set -euo pipefail; check() {{ false; echo not reached; }}; export -f check; {call}; echo passed"
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert answer.returncode == 1
    assert "not reached" not in answer.stdout
    assert "1 of 1 steps FAILED: step" in answer.stdout


def test_no_process_of_a_step_goes_on_after_it():
    began = time.monotonic()
    answer = run("leaves=sleep 600 & echo $!")
    process = Path("/proc", answer.stdout.splitlines()[2])
    assert answer.returncode == 0
    assert time.monotonic() - began < 30
    wait_for(lambda: not process.exists() or "\nState:\tZ" in (process / "status").read_text(), 30)


def test_stopped_it_ends_its_steps_and_begins_no_other(tmp_path: Path):
    steps = [f"{name}=touch {tmp_path}/{name}; trap 'touch {tmp_path}/{name}.ended' EXIT; sleep 60" for name in "abc"]
    process = subprocess.Popen([*COMMAND, *steps], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "a.ended", "b.ended"}
    assert "3 of 3 steps FAILED: a, b, c" in out
