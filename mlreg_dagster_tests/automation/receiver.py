"""A web server of one's own that takes notices."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """A web server that answers with the given statuses, the last one from then on, and keeps what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.requests: list[tuple[str, str, dict]] = []
        answers = list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.requests.append((handler.path, handler.headers["Content-Type"], json.loads(body)))
                handler.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
                handler.end_headers()

            def log_message(handler, *_: object) -> None:  # noqa: N805
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/1"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
