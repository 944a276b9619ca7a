"""Connections to PostgreSQL whose every wait is bounded, and that tell the server which program holds them.

The server may fall silent: the network or a proxy went away. Waiting for an answer is bounded on this side; a client
that went away is noticed on the server's side, so that what it held is free soon.
"""

import os
import socket
import time
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.redaction import blotted, password_in, shown_url

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 10
_Result = TypeVar("_Result")

_SERVER_NOTICES = """
SELECT set_config(name, value, false) FROM pg_settings JOIN (VALUES
    ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
    ('tcp_user_timeout', '11000'), ('client_connection_check_interval', '2000')
) AS wanted(name, value) USING (name)
"""
"""With these the server ends the session of a dead host within some 11 s, and that of a killed one that waits in 2 s.

Older servers have some of them.
"""


class PostgresUnavailable(MlregError):
    """The server can't be reached, its driver is not installed, or its URL can't be read."""


def connect(url: str, *, silence_s: float, purpose: str = "") -> "psycopg.Connection[Any]":
    """A connection of its own, in autocommit, that the server drops soon after its host is gone.

    Args:
        url: `postgresql://user@host/name`, with or without a driver; libpq's own variables fill in what it leaves out.
        silence_s: How long an answer may take before the connection is given up; its attribute of that name.
        purpose: What it is for, as a part of the name that others see.

    Raises:
        PostgresUnavailable: There is none, or psycopg is not installed.
    """
    parameters = client_bounds(silence_s, purpose) | parameters_of(url)
    try:
        import psycopg
    except ImportError:
        raise PostgresUnavailable("PostgreSQL needs the package psycopg. Install mlreg-dagster[postgres].") from None
    try:
        connection: psycopg.Connection[Any]
        connection = bounded_connection(silence_s).connect(**parameters, autocommit=True)
        with suppress(psycopg.errors.InvalidParameterValue):  # the server's system lacks one
            connection.execute(_SERVER_NOTICES)
    except psycopg.Error as error:
        raise PostgresUnavailable(
            f"{shown(url)} can't be reached: {first_line(error, url)}. Check that the server runs, and its address, "
            f"user and password."
        ) from None  # whose cause may show the password
    return connection


def client_bounds(silence_s: float, purpose: str = "") -> dict[str, Any]:
    """What libpq is told of a connection: how long to wait for a silent server, and the name it shows."""
    return {
        "connect_timeout": max(2, min(CONNECT_S, int(silence_s))),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": int(silence_s * 1000),
        "fallback_application_name": " ".join(
            filter(None, ["mlreg_dagster", socket.gethostname()[:30], str(os.getpid()), purpose])
        )[:63],
    }


def parameters_of(url: str) -> dict[str, Any]:
    """The parameters of libpq that a URL names.

    Raises:
        PostgresUnavailable: It can't be read.
    """
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    parsed = _parsed(url)
    return dict(PGDialect_psycopg().create_connect_args(parsed)[1])  # type: ignore[no-untyped-call]


def shown(url: str) -> str:
    """A URL as messages name it: without user, password and secret options."""
    _parsed(url)
    return shown_url(url)


def first_line(error: Exception, url: str) -> str:
    """The first line of the driver's message, without the password."""
    lines = str(error).strip().splitlines()
    return blotted(lines[0].rstrip("."), [password_in(url), _parsed(url).password]) if lines else type(error).__name__


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() != "postgresql":
        raise PostgresUnavailable("The URL is none of PostgreSQL. Write postgresql://user@host/name.")
    return parsed


@cache
def bounded_connection(seconds: float) -> Any:
    """The class of psycopg's connections that give up when no answer comes for so long, or for `silence_s` of one."""
    import psycopg

    class BoundedConnection(psycopg.Connection[Any]):
        silence_s = seconds

        def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **how: Any) -> _Result:
            return super().wait(self._bounded(gen), *args, **how)

        def _bounded(self, gen: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
            deadline = time.monotonic() + self.silence_s
            try:
                wanted = next(gen)
                while True:
                    ready = yield wanted
                    if not ready and time.monotonic() > deadline:
                        self.pgconn.finish()  # the answer may still come, and would be taken for that to the next one
                        raise psycopg.OperationalError(
                            f"no answer within {self.silence_s:g} s; the connection was closed"
                        )
                    wanted = gen.send(ready)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]

    return BoundedConnection
