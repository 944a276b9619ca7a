"""A real, throw-away PostgreSQL server for tests: on a unix socket alone, gone with the session."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy


def find_binaries() -> Path | None:
    """The folder of `initdb`: on PATH, or the newest one where Debian keeps them."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


def _as_server_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: hand the folder to `postgres`, and run as that user."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    if shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser to become postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["runuser", "-u", "postgres", "--"]


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}"


@dataclass(frozen=True)
class Server:
    """A running server: the SQLAlchemy URL of its `postgres` database, and how it is stopped and started."""

    url: str
    stop: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def running_server(*, fsync: bool = False) -> Iterator[Server]:
    """A server of one's own, for as long as the block runs; also for scripts.

    Args:
        fsync: Whether it waits for the disk, as one that is relied on does.
    """
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries on PATH or in /usr/lib/postgresql")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="mlreg-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        prefix = _as_server_user(folder)
        data, log = folder / "data", folder / "log"
        _run(
            *prefix,
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        )
        waits = "on" if fsync else "off"
        options = f"-k {folder} -c listen_addresses= -c fsync={waits} -c full_page_writes=off -c timezone=Asia/Tokyo"
        pg_ctl: tuple[str | Path, ...] = (*prefix, binaries / "pg_ctl", "-D", data)

        def start() -> None:
            # pg_ctl hands its output to the server; without -l it would keep our pipe open.
            _run(*pg_ctl, "-l", log, "-o", options, "-w", "start")

        def stop() -> None:
            _run(*pg_ctl, "-m", "immediate", "-w", "stop")

        start()
        try:
            yield Server(f"postgresql+psycopg://postgres@/postgres?host={folder}", stop, start)
        finally:
            stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy URL of a running server's `postgres` database."""
    with running_server() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty schema of the test's own."""
    return schema_of_its_own(postgres_server)


def schema_of_its_own(postgres_server: str) -> str:
    """The URL of a new, empty schema: much faster to make than a database."""
    name = f"test_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(postgres_server)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.schema.CreateSchema(name))
    engine.dispose()
    return f"{postgres_server}&options=-csearch_path%3D{name}"
