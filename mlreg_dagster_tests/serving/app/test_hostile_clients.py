"""Clients that send half of a request, too much, or nothing: they are closed or refused, and others are served on."""

import json
import re
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from mlreg_dagster_tests.serving.running import copied, running
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

INFER = "/v2/models/champion/infer"
LIMITS = {"header_seconds": 2.0, "body_seconds": 2.5, "idle_seconds": 2.0 * PATIENCE_S, "body_bytes": 1 << 20}
"""Time-outs that tests wait for; they are not so short that a request of a busy machine meets them."""


@pytest.fixture(scope="module")
def server(live_home, tmp_path_factory):
    """One of its own: to the short time-outs the client of another test would be a hostile one, too."""
    with running(copied(live_home, tmp_path_factory.mktemp("hostile")), settings={"limits": LIMITS}) as found:
        yield found


def received(connection):
    """Everything that comes until the server closes; it waits for that no longer than for anything else."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def problem_in(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return json.loads(body)


def test_half_a_header_is_answered_in_time_and_closed(server):
    began = time.monotonic()
    with server.connect() as connection:
        connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: ")
        answer = received(connection)
    assert problem_in(answer)["code"] == "header_timeout"
    assert time.monotonic() - began >= LIMITS["header_seconds"] * 0.9


@pytest.mark.parametrize("sent", [b"G", b"\r\n", b"GET /v2 HTTP/1.1\r\nX: a"])
def test_a_header_that_comes_byte_by_byte_does_not_keep_its_connection(server, sent):
    with server.connect() as connection:
        connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(65536)  # the first request of a connection is answered: the next one has no more time
        connection.sendall(sent)
        end = threading.Event()

        def drip():
            while not end.wait(0.2):
                try:
                    connection.sendall(sent[-1:])
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        received(connection)  # which ends, although there is always one more byte
        end.set()
        thread.join()


@pytest.mark.parametrize("trickles", [False, True])
def test_half_a_body_is_answered_in_time_and_closed(server, trickles):
    began = time.monotonic()
    with server.connect() as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{{".encode())
        end = threading.Event()

        def drip():
            while trickles and not end.wait(0.2):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        answer = received(connection)
        end.set()
        thread.join()
    assert problem_in(answer)["code"] == "body_timeout"
    assert time.monotonic() - began >= LIMITS["body_seconds"] * 0.9


def test_a_body_that_never_ends_after_its_refusal_is_cut_off(server):
    with server.connect() as connection:
        connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert problem_in(connection.recv(65536))["status"] == 404
        assert is_cut_off(connection, b"5\r\naaaaa\r\n", 0.1)


@pytest.mark.parametrize("size", [(1 << 20) + 1, 10_000_000, 60_000_000])
def test_a_body_that_is_too_large_is_refused_and_not_kept(server, size):
    before = resident_mib(server)
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # forgets the peak of memory
    with server.connect() as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        sent = send_zeros(connection, size)
        answer = received(connection)
    if sent == size:  # a client that is cut off far beyond the limit may see nothing
        assert problem_in(answer)["code"] == "too_large"
    assert size < 20_000_000 or sent < size
    assert resident_mib(server, "VmHWM") - before < 10


def test_a_body_that_is_too_large_in_chunks(server):
    parts = (b"0" * 100_000 for _ in range(30))
    answer = server.post(INFER, content=parts)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_client_that_waits_for_leave_to_send_is_refused_before_it_does(server):
    with server.connect() as connection:
        head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        answer = received(connection)
    assert problem_in(answer)["code"] == "too_large"


def test_a_thousand_idle_connections_keep_no_one_out(server):
    with ExitStack() as open_ones:
        for _ in range(1000):
            open_ones.enter_context(server.connect())
        for _ in range(20):
            assert server.get("/v2/health/ready").status_code == 200
    wait_for(lambda: server.get("/v2/health/live").status_code == 200)


def test_many_half_bodies_keep_no_one_out(server):
    with ExitStack() as open_ones:
        for _ in range(300):  # more than may be answered at once
            connection = open_ones.enter_context(server.connect())
            connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{{".encode())
        answer = server.post(INFER, content=b"{}")
        assert answer.json()["code"] == "bad_request"


def test_a_client_that_does_not_read_its_answers_is_cut_off(server):
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert is_cut_off(connection, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20, 0.02)
    assert server.get("/v2/health/live").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 400_000, 431),
        (b"GET /" + b"a" * 400_000, 431),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"GET /v2/models/%2e%2e%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n", 200),
    ],
)
def test_what_is_no_request_is_answered_and_closed(server, sent, status):
    with server.connect() as connection:
        connection.sendall(sent)
        answer = received(connection)  # a server that leaves it open is waited for in vain: idle_seconds are more
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    if status >= 400:
        assert problem_in(answer)["status"] == status


def test_nothing_of_it_was_a_defect_and_the_log_holds_nothing_of_the_requests(server):
    text = server.log.read_text()
    assert "Traceback" not in text
    assert "defect" not in text
    assert "aaaa" not in text
    metrics = server.admin("/metrics").text
    assert 'status="500"' not in metrics
    for reason in ("header_timeout", "body_timeout", "body_size", "malformed"):
        assert f'mlreg_server_refused_total{{reason="{reason}"}} 0.0' not in metrics


def is_cut_off(connection, part, pause_s):
    """Send the same again and again; gives whether the server ends the connection."""
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            connection.sendall(part)
            time.sleep(pause_s)
    except OSError:
        return True
    return False


def send_zeros(connection, size):
    """Send a body of zeros; gives how many bytes the server took."""
    part, sent = b"0" * 100_000, 0
    try:
        while sent < size:
            sent += connection.send(part[: size - sent])
    except OSError:
        pass
    return sent


def resident_mib(server, what="VmRSS"):
    """Memory of the server; `VmHWM`: at its peak."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024
