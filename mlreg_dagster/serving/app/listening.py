"""Sockets that the server listens on, and how many connections this process can have."""

import ipaddress
import resource
import socket

from mlreg_dagster.core.errors import MlregError

_BACKLOG = 2048
_OTHER_FILES = 256


class AddressTaken(MlregError):
    """An address can't be listened on."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, option: str) -> socket.socket:
    """A socket that listens.

    Args:
        host: A name or an address.
        port: 0: any that is free.
        option: By which another port is chosen on the command line.

    Raises:
        AddressTaken: It can't.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AddressTaken(f"{host}:{port} can't be listened on: {reason}. Choose another with {option}.") from None


def url_of(listener: socket.socket) -> str:
    """The address of a socket, for people."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def possible_connections(wanted: int) -> int:
    """As many of the wanted connections as this process may have; its limit of open files is raised if need be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(wanted, soft - _OTHER_FILES))
    return wanted
