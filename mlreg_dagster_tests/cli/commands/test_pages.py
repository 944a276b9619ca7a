"""`mlreg pages` as a process: it says where it listens, answers those who may look, and ends when asked to."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from mlreg_dagster_tests.commands import Answer
from mlreg_dagster_tests.waiting import PATIENCE_S

TOKEN = "a-token-of-some-length"


@pytest.mark.slow
def test_the_pages_answer_until_they_are_stopped(live_home: Path, own_home: Path, tmp_path: Path) -> None:
    shutil.copytree(live_home, own_home)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    command = [sys.executable, "-W", "ignore", "-m", "mlreg_dagster.cli", "pages", "--port", "0", "--token-file", token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            url = said.rpartition(" on ")[2].strip()
            assert said == f"Pages of {own_home} on {url}\n"
            with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
                assert client.get("/health").json() == {"status": "up"}
                assert client.get("/").status_code == 401
                assert client.get("/", auth=("anybody", TOKEN)).status_code == 200
                assert client.post("/", auth=("anybody", TOKEN)).status_code == 405
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
        finally:
            process.kill()


def test_beyond_this_machine_they_do_not_start_without_a_guard(mlreg: Callable[..., Answer]) -> None:
    answer = mlreg("pages", "--host", "0.0.0.0", "--port", "0")
    assert answer.code == 1
    assert "--token-file" in answer.err
