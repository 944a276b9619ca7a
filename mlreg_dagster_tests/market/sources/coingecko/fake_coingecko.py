"""A server on loopback that answers like CoinGecko, and misbehaves when told to."""

import json
import math
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd

Fault = Callable[[BaseHTTPRequestHandler], bool]
"""Answers (or not) in the server's place; False = the server answers as usual afterwards."""

Edit = Callable[[Any], Any]


class FakeCoinGecko:
    """The market behind the server: a coin's price is a function of time.

    Attributes:
        now: The server's clock.
        coins: Ids, by market cap.
        requests: (path, parameters, headers) of every request, in order.
        faults: What happens to the next requests, one each.
        edit_listing, edit_chart: Applied to the decoded payload before it is sent.
        price_factor: (coin, time in s) → factor on the price, to change the market after a time.
    """

    def __init__(self, now: pd.Timestamp, coins: int) -> None:
        self.now = now
        self.coins = [f"coin-{number:03d}" for number in range(coins)]
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.faults: deque[Fault] = deque()
        self.edit_listing: Edit = lambda payload: payload
        self.edit_chart: Edit = lambda payload: payload
        self.price_factor: Callable[[str, float], float] = lambda _coin, _time: 1.0
        self.url = ""

    def price(self, coin: str, time_s: float) -> float:
        number = zlib.crc32(coin.encode()) % 1000
        hour = time_s / 3600.0
        wave = math.sin(hour * 1.7 + number) * 0.01 + math.sin(hour / 30.0 + 2.0 * number) * 0.05
        return 1000.0 / (number + 1) * math.exp(wave) * self.price_factor(coin, time_s)

    def listing(self, page: int, per_page: int) -> list[dict[str, Any]]:
        now = self.now.timestamp()
        return [self._coin(coin, now) for coin in self.coins[(page - 1) * per_page : page * per_page]]

    def chart(self, coin: str, start_s: int, end_s: int) -> dict[str, Any]:
        """One point an hour, some seconds past it, as the real one does."""
        first = math.ceil((start_s - 41) / 3600)
        times = [t * 3600 + 41 for t in range(first, first + 3000) if t * 3600 + 41 <= min(end_s, self.now.timestamp())]
        return {
            "prices": [[t * 1000, self.price(coin, t)] for t in times],
            "market_caps": [[t * 1000, self.price(coin, t) * 1e6] for t in times],
            "total_volumes": [[t * 1000, 5e6 + t % 1000] for t in times],
        }

    def answer(self, path: str, query: dict[str, str]) -> bytes:
        if path == "/api/v3/coins/markets":
            return _dumps(self.edit_listing(self.listing(int(query["page"]), int(query["per_page"]))))
        coin = unquote(path.split("/")[4])
        return _dumps(self.edit_chart(self.chart(coin, int(query["from"]), int(query["to"]))))

    def _coin(self, coin: str, now: float) -> dict[str, Any]:
        price = self.price(coin, now)

        def change(hours: int) -> float:
            return (price / self.price(coin, now - hours * 3600) - 1.0) * 100.0

        return {
            "id": coin,
            "symbol": coin.replace("coin-", "c"),
            "name": coin.title(),
            "image": "https://example.org/coin.png",
            "current_price": price,
            "market_cap": round(price * 1_000_000),
            "market_cap_rank": self.coins.index(coin) + 1,
            "total_volume": 5_000_000,
            "ath": price * 1.5,
            "ath_date": "2026-03-10T12:30:00.000Z",
            "roi": None,
            "last_updated": pd.Timestamp(now - 32, unit="s", tz="UTC").isoformat(),
            "sparkline_in_7d": {"price": [self.price(coin, now - 3600 * back) for back in range(167, -1, -1)]},
            "price_change_percentage_1h_in_currency": change(1),
            "price_change_percentage_24h_in_currency": change(24),
            "price_change_percentage_7d_in_currency": change(168),
        }


def status(code: int, body: bytes = b'{"status": {"error_code": 0}}', **headers: str) -> Fault:
    def fault(handler: BaseHTTPRequestHandler) -> bool:
        _send(handler, code, body, headers)
        return True

    return fault


def hang(seconds: float) -> Fault:
    def fault(handler: BaseHTTPRequestHandler) -> bool:
        time.sleep(seconds)
        handler.close_connection = True
        return True

    return fault


def cut_off(handler: BaseHTTPRequestHandler) -> bool:
    """Promise more bytes than are sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'[{"id": "coin-000"')
    handler.close_connection = True
    return True


def drip(handler: BaseHTTPRequestHandler) -> bool:
    """A body that never ends, a byte now and then: no pause is as long as the time-out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    return _until_nobody_listens(handler, b"[", pause_s=0.05)


def drip_headers(handler: BaseHTTPRequestHandler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    return _until_nobody_listens(handler, b"X-A: 1\r\n", pause_s=0.05)


def endless(code: int) -> Fault:
    def fault(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(code)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        return _until_nobody_listens(handler, b"10000\r\n" + b"[" * 0x10000 + b"\r\n")

    return fault


def packed(code: int, body: bytes, encoding: str = "gzip") -> Fault:
    """A body as it stands, said to be packed."""
    return status(code, body, Content_Encoding=encoding)


def zeros(size: int) -> bytes:
    """Some kilobytes of gzip that unpack to `size` bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(b"\0" * size) + packer.flush()


def _until_nobody_listens(handler: BaseHTTPRequestHandler, piece: bytes, pause_s: float = 0.0) -> bool:
    handler.close_connection = True
    with suppress(OSError):
        while True:
            handler.wfile.write(piece)
            time.sleep(pause_s)
    return True


@contextmanager
def serve(market: FakeCoinGecko) -> Iterator[FakeCoinGecko]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            market.requests.append((parts.path, query, dict(self.headers.items())))
            if market.faults and market.faults.popleft()(self):
                return
            _send(self, 200, market.answer(parts.path, query), {"Content-Type": "application/json"})

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        market.url = f"http://127.0.0.1:{server.server_port}/api/v3"
        yield market
        server.shutdown()


def _send(handler: BaseHTTPRequestHandler, code: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response_only(code)
    for name, value in {"Date": handler.date_time_string(), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    with suppress(ConnectionError):  # the client may have gone
        handler.wfile.write(body)


def _dumps(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()
