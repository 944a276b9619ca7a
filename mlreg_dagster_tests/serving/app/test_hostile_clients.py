"""Clients that send half of a request, too much, or nothing: they are closed or refused, and others are served on."""

import json
import re
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from mlreg_dagster_tests.serving.app.conftest import PATIENT
from mlreg_dagster_tests.waiting import wait_for

INFER = "/v2/models/champion/infer"
LIMITS = PATIENT["limits"]


def received(connection):
    """Everything that comes until the server closes; and after how many seconds it did."""
    began, found = time.monotonic(), b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found, time.monotonic() - began


def problem_in(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return json.loads(body)


def test_half_a_header_is_answered_in_time_and_closed(server):
    with server.connect() as connection:
        connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: ")
        answer, seconds = received(connection)
    assert problem_in(answer)["code"] == "header_timeout"
    assert LIMITS["header_seconds"] * 0.9 <= seconds < LIMITS["header_seconds"] + 2


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
        _, seconds = received(connection)
        end.set()
        thread.join()
    assert seconds < LIMITS["header_seconds"] + 2


@pytest.mark.parametrize("trickles", [False, True])
def test_half_a_body_is_answered_in_time_and_closed(server, trickles):
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
        answer, seconds = received(connection)
        end.set()
        thread.join()
    assert problem_in(answer)["code"] == "body_timeout"
    assert LIMITS["body_seconds"] * 0.9 <= seconds < LIMITS["body_seconds"] + 2


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
        answer, _ = received(connection)
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
        answer, seconds = received(connection)
    assert problem_in(answer)["code"] == "too_large"
    assert seconds < 1


def test_a_thousand_idle_connections_keep_no_one_out(server):
    with ExitStack() as open_ones:
        for _ in range(1000):
            open_ones.enter_context(server.connect())
        began = time.monotonic()
        for _ in range(20):
            assert server.get("/v2/health/ready").status_code == 200
        assert time.monotonic() - began < 10
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
        answer, seconds = received(connection)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert seconds < 1
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
    """Send the same again and again; gives whether the server ends the connection within 10 seconds."""
    end = time.monotonic() + 10
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
