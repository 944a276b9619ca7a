"""A proxy on the loopback interface before a PostgreSQL server, which loses what the network may lose."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote

_CHUNK = 1 << 16


class Proxy:
    """Passes bytes on between clients and the server, until told otherwise.

    Attributes:
        lose: `answer`: the server does the next COMMIT, and the connection breaks before the answer;
            `commit`: it breaks before the server hears of it; `silent`: from the next COMMIT on, which the server
            still hears of, no byte passes any more, and nothing breaks; `all`: so from now on. None: nothing is lost.
        refuse: How many connections to break at once, after the next loss.
        commits: How many COMMITs have come by.
    """

    def __init__(self, server_socket: str) -> None:
        self.lose: str | None = None
        self.refuse = 0
        self.commits = 0
        self._server_socket = server_socket
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = [self._listening]
        self._lost = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self._lost and self.refuse:
                    self.refuse -= 1
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server_socket)
                self._open += [client, server]
                pair = _Pair(self, client, server)
                for pump in (pair.pass_requests, pair.pass_answers):
                    threading.Thread(target=pump, daemon=True).start()

    def lost(self) -> None:
        """A loss happens once."""
        self.lose, self._lost = None, True


class _Pair:
    """The two ends of one connection."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._answer_is_lost = False

    def pass_requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(_CHUNK):
                if b"COMMIT" in data:
                    self._proxy.commits += 1
                    if self._proxy.lose == "commit":
                        self._proxy.lost()
                        break
                    self._answer_is_lost = self._proxy.lose == "answer"
                    if self._proxy.lose == "silent":
                        self._proxy.lose = "all"
                        self._server.sendall(data)
                if self._proxy.lose != "all":
                    self._server.sendall(data)
        self._break()

    def pass_answers(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(_CHUNK):
                if self._answer_is_lost:
                    self._proxy.lost()
                    break
                if self._proxy.lose != "all":
                    self._client.sendall(data)
        self._break()

    def _break(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def before(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of a URL, whose host is the folder of a socket; gives the URL that leads through it."""
    folder = unquote(re.search(r"host=([^&]+)", url)[1])
    proxy = Proxy(f"{folder}/.s.PGSQL.5432")
    through = re.sub(r"host=[^&]+", f"host=127.0.0.1&port={proxy.port}", url)
    try:
        yield proxy, through
    finally:
        proxy.close()
