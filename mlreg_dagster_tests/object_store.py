"""A real, throw-away S3 for tests: moto behind HTTP in a process of its own, gone with the session.

Real stores let one of two create-only puts through. moto looks first and writes then, in threads; here one put is
answered after the other.
"""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import pytest

from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.waiting import wait_for

ACCESS_KEY, SECRET_KEY, REGION = "mlreg-test-key", "mlreg-test-secret", "us-east-1"

NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_REGION",
)
"""The variables that lead to a store; a test begins without any that the person who runs it has set."""


def variables(url: str) -> dict[str, str]:
    """The environment in which S3 is the server at this URL."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
    }


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of a running server, as `AWS_ENDPOINT_URL` takes it."""
    pytest.importorskip("s3fs", reason="no s3fs: the extra s3")
    pytest.importorskip("flask", reason="no moto[server]")
    pytest.importorskip("moto", reason="no moto[server]")
    with running_server() as url:
        yield url


@contextmanager
def running_server(host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a server in a process of its own, for as long as the block runs; also for scripts.

    Args:
        host: The address it listens on.
    """
    port = free_port()
    command = (sys.executable, "-m", "mlreg_dagster_tests.object_store", host, str(port))
    process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://{host}:{port}"
    try:
        wait_for(lambda: _answers(process, url))
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(process: "subprocess.Popen[bytes]", url: str) -> bool:
    assert process.poll() is None, "the object store ended at its start"
    try:
        with urlopen(f"{url}/moto-api/", timeout=5):
            return True
    except OSError:
        return False


def make_bucket(url: str) -> str:
    """Make a new, empty bucket; its name."""
    name = f"test-{uuid.uuid4().hex}"
    with urlopen(Request(f"{url}/{name}", method="PUT"), timeout=60):
        return name


def forget_stores() -> None:
    """Let the next one who asks for a store read the variables: fsspec keeps what it has opened."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()


@pytest.fixture
def s3_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an empty bucket of the test's own; `AWS_…` variables lead to it, also in processes that it starts."""
    forget_stores()
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(s3_server).items():
        monkeypatch.setenv(name, value)
    return make_bucket(s3_server)


def _one_put_at_a_time(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    lock = threading.Lock()

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"PUT", "POST"}:
            return app(environ, start_response)
        with lock:
            return app(environ, start_response)

    return answer


def _serve(host: str, port: int) -> None:
    os.environ["MOTO_PORT"] = str(port)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    app = _one_put_at_a_time(DomainDispatcherApplication(create_backend_app))
    run_simple(host, port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
