"""The pages on a real port, in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from mlreg_dagster.serving.app.listening import listen, url_of
from mlreg_dagster_tests.waiting import wait_for


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an application; gives its URL."""
    with listen("127.0.0.1", 0, "--port") as listener:
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_for(lambda: server.started)
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join()
