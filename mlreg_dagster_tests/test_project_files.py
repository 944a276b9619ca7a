import re
import subprocess
import sys

import pytest

from mlreg_dagster_tests.repository import PROJECT_DIR


def test_the_constraints_are_pins_and_nothing_else():
    lines = (PROJECT_DIR / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", pin)] == []
    assert len({pin.split("==")[0].lower() for pin in pins}) == len(pins) > 100


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["dmeo"], 2)])
def test_bootstrap_tells_its_commands(arguments, code):
    answer = subprocess.run([sys.executable, PROJECT_DIR / "bootstrap.py", *arguments], capture_output=True, text=True)
    assert answer.returncode == code
    assert all(f"python3 bootstrap.py {command}" in answer.stdout for command in ("demo", "test", "setup"))
