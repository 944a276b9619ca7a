"""Ports that nothing listens on, for processes that can't be given port 0."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

_LOWEST, _RANGE = 10_000, Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that nothing listens on, and that nobody is given meanwhile.

    It lies below those that the system hands out, to outgoing connections and to processes that ask for port 0: one of
    these may be another process's by the time it is listened on.
    """
    for port in _PORTS:
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("There is no free port.")


def _ports() -> Iterator[int]:
    """Each once; processes that were started one after the other begin far apart."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    count = end - _LOWEST
    return (_LOWEST + (os.getpid() * 997 + number) % count for number in range(count))


_PORTS = _ports()
