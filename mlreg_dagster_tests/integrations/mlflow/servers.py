"""Servers that a sync may meet: MLflow's own, in an environment of its own, and one that answers what it is told.

python -m venv server && server/bin/pip install 'mlflow[auth]==3.17.*'
MLREG_MLFLOW_UI=server/bin/mlflow pytest mlreg_dagster_tests/integrations/mlflow
"""

import http.server
import os
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager

import pytest

from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.waiting import wait_for

PROGRAM = os.environ.get("MLREG_MLFLOW_UI")
needs_program = pytest.mark.skipif(
    PROGRAM is None, reason="MLREG_MLFLOW_UI names no mlflow with its server: it asks for an older pyarrow"
)


@contextmanager
def mlflow_server(database, *options, cwd=None, **environment):
    """A server of MLflow on a database, until the end; gives its address."""
    address = f"http://127.0.0.1:{free_port()}"
    command = [PROGRAM, "server", "--backend-store-uri", database, "--port", address.rpartition(":")[2]]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    own |= {"MLFLOW_DISABLE_TELEMETRY": "true", **environment}
    with subprocess.Popen([*command, "--workers", "1", *options], env=own, cwd=cwd, start_new_session=True) as server:
        try:
            wait_for(lambda: _answers(f"{address}/health"), rarest_s=1.0)
            yield address
        finally:
            os.killpg(server.pid, 15)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked += 1
        time.sleep(self.server.wait_s)
        self.send_response(self.server.code)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET  # noqa: N815  # as the library asks

    def log_message(self, *_):
        pass


@contextmanager
def answering(code=200, body=b"", wait_s=0.0):
    """A server that gives one answer to everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.code, server.body, server.wait_s, server.asked = code, body, wait_s, 0
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
