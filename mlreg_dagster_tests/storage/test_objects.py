"""Objects of a store: created once, listed as they are now, and faults said in words without secrets."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.folders import open_folder
from mlreg_dagster.storage.object_faults import StoreRefused, StoreUnreachable
from mlreg_dagster.storage.objects import Objects
from mlreg_dagster_tests.object_store import NAMES, forget_stores, variables
from mlreg_dagster_tests.ports import free_port

FILES = {"a.bin": b"1"}


@pytest.fixture
def in_memory() -> str:
    return f"memory://{uuid.uuid4().hex}/artifacts"


def test_what_is_there_is_not_created_again(in_memory):
    objects = Objects(open_folder(in_memory))
    assert objects.create("a/b", b"1")
    assert not objects.create("a/b", b"2")
    assert objects.read("a/b", 10) == b"1"
    assert set(objects.listed("a")) == {"a/b"}


def test_a_store_that_writes_over_what_is_there_is_refused(in_memory, monkeypatch):
    put = MemoryFileSystem.pipe_file
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", lambda self, path, value, **_: put(self, path, value))
    store = open_artifacts(in_memory)
    with pytest.raises(StoreRefused, match="writes over an object though it is told to create it"):
        store.freeze("models", "v1", FILES)
    assert store.find("models", "v1") is None


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A store that answers every question with an error."""
    body = f"<Error><Code>{code}</Code><Message>for mlreg-test-secret</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AccessDenied", StoreRefused, "the store denies it"),
        (403, "InvalidAccessKeyId", StoreRefused, "takes no keys, or not these|the store denies it"),
        (500, "InternalError", StoreUnreachable, "can't be reached, or did not answer in time"),
        (503, "SlowDown", StoreUnreachable, "can't be reached, or did not answer in time"),
        (501, "NotImplemented", StoreRefused, "can't do this"),
        (None, "", StoreUnreachable, "can't be reached, or did not answer in time"),
    ],
)
def test_a_fault_is_one_sentence_without_secrets(monkeypatch, status, code, kind, words):
    pytest.importorskip("s3fs")
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    forget_stores()
    with answering(status, code) if status else no_server() as url:
        for name, value in variables(url).items():
            monkeypatch.setenv(name, value)
        store = open_artifacts(f"s3://bucket-{uuid.uuid4().hex[:8]}/artifacts")
        for ask in (
            lambda: store.find("models", "v1"),
            lambda: store.keys("models"),
            lambda: store.freeze("models", "v1", FILES),
        ):
            with pytest.raises(kind, match=words) as failure:
                ask()
            assert "secret" not in str(failure.value)
            assert "s3://bucket-" in str(failure.value)
            assert failure.value.__cause__ is None
    forget_stores()


@contextmanager
def no_server() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_named_and_not_made(s3_bucket):
    store = open_artifacts("s3://no-such-bucket/artifacts")
    for ask in (
        lambda: store.keys("models"),
        lambda: store.freeze("models", "v1", FILES),
        lambda: store.read("models", "v1"),
    ):
        with pytest.raises(StoreRefused, match=r"s3://no-such-bucket/artifacts.* there is no such bucket"):
            ask()
    assert open_artifacts(f"s3://{s3_bucket}/none").keys("models") == []
