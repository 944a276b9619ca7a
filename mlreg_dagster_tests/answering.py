"""A web server's handler that always gives the same answer."""

import time
from http.server import BaseHTTPRequestHandler


class Answering(BaseHTTPRequestHandler):
    """`gives` says what is answered."""

    text, status, delay_s = "", 200, 0.0

    @classmethod
    def gives(cls, text: str, status: int = 200, delay_s: float = 0.0) -> None:
        """Answer so from now on."""
        cls.text, cls.status, cls.delay_s = text, status, delay_s

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.delay_s)
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *_: object) -> None:
        pass
