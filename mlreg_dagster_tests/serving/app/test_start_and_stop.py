"""How a server begins without a model, and how it ends: no answer is lost, nothing under way is cut off."""

import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mlreg_dagster_tests.lifecycle import CONFIGS
from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.serving.running import LONG, copied, infer_body, running
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

INFER = "/v2/models/champion/infer"
BODY = json.dumps(infer_body({name: [0.5] for name in CONFIGS["model"]["features"]}))


def answer_ids(home):
    """Ids in the prediction log, each as often as it stands there."""
    files = [*(home / "served").rglob("*.jsonl")]
    return [json.loads(line)["answer_id"] for file in files for line in file.read_text().splitlines()]


class Load:
    """Clients that ask without a pause until they are told to stop, and remember each answer that they got."""

    def __init__(self, url, clients):
        self.answered, self.refused, self._stop = [], [], threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._tasks = [self._pool.submit(self._ask, url) for _ in range(clients)]

    def _ask(self, url):
        with httpx.Client(timeout=PATIENCE_S) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(url + INFER, content=BODY)
                except httpx.TransportError:
                    time.sleep(0.005)
                    continue
                if answer.status_code == 200:
                    self.answered.append(answer.json()["parameters"]["answer_id"])
                else:
                    self.refused.append(answer.status_code)

    def stop(self):
        self._stop.set()
        self._pool.shutdown()
        assert all(task.exception() is None for task in self._tasks)


def ask_to_stop(server):
    """Send the signal, and wait until the server takes no more connections and has told those that are open."""
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: refuses_connections(server))


def refuses_connections(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def wait_until_under_way(server):
    """Wait until one request is."""
    wait_for(lambda: "mlreg_server_requests_in_flight 1.0" in server.admin("/metrics").text)


def test_a_server_without_a_registry_is_alive_and_says_why_it_is_not_ready(tmp_path):
    home = tmp_path / "nothing"
    with running(home, ready=False) as server:
        assert server.get("/v2/health/live").status_code == 200
        told = wait_for(lambda: "registry" in (text := server.get("/v2/health/ready").text) and text)
        assert "Traceback" not in told
        assert server.get("/v2/health/ready").status_code == server.get("/ping").status_code == 503
        assert server.post(INFER, content=BODY).status_code in (404, 503)
        assert server.admin("/readyz").status_code == 503
        assert not (home / "registry.sqlite").exists()
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_a_registry_without_a_champion_is_told_and_a_second_signal_ends_it_at_once(trained_home, tmp_path):
    with running(copied(trained_home, tmp_path), ready=False) as server, server.connect() as slow:
        wait_for(lambda: "No version holds champion yet" in server.get("/v2/health/ready").text)
        assert server.post(INFER, content=BODY).json()["code"] == "not_loaded"
        assert server.get("/v2/health/live").status_code == 200
        slow.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode())
        wait_until_under_way(server)
        ask_to_stop(server)
        assert server.process.poll() is None
        assert server.stop(signal.SIGTERM) == 128 + signal.SIGTERM  # it would wait for the body longer than we for it


def test_a_signal_lets_it_answer_what_is_under_way_and_seal_the_log(live_home, tmp_path):
    home = copied(live_home, tmp_path)
    with running(home) as server:
        with server.connect() as late:
            head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
            late.sendall((head + BODY[:50]).encode())
            wait_until_under_way(server)
            load = Load(server.url, 8)
            wait_for(lambda: len(load.answered) > 50)
            ask_to_stop(server)
            late.sendall(BODY[50:].encode())
            answer = late.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in answer
        assert server.process.wait(PATIENCE_S) == 0
        load.stop()
        assert load.refused == []
        assert "Traceback" not in server.log.read_text()
    assert [*(home / "served" / "open").iterdir()] == []
    written = answer_ids(home)
    assert len(written) == len(set(written))
    assert set(load.answered) <= set(written)


@pytest.mark.slow
def test_what_is_not_answered_when_the_time_to_stop_is_over_is_told_so(live_home, tmp_path):
    settings = {"limits": {"shutdown_seconds": 0.5}}
    with running(copied(live_home, tmp_path), settings=settings) as server, server.connect() as slow:
        slow.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode())
        wait_until_under_way(server)
        assert server.stop() == 0
        assert b'"code":"shutdown"' in slow.recv(65536)
        assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_restarts_under_load_lose_no_answer(live_home, tmp_path):
    home, port = copied(live_home, tmp_path), free_port()
    answered = []
    for _ in range(20 if LONG else 2):
        with running(home, "--port", str(port)) as server:
            load = Load(server.url, 4)
            wait_for(lambda load=load: len(load.answered) > 30)
            assert server.stop() == 0
            load.stop()
            answered += load.answered
            assert load.refused == []
    written = answer_ids(home)
    assert len(written) == len(set(written))
    assert set(answered) <= set(written)
