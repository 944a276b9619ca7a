"""Receivers of messages on loopback: a web server and a mail server, which answer as they are told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.waiting import PATIENCE_S


class WebReceiver:
    """Answers with the given statuses, the last one from then on; keeps what it took, and every request."""

    def __init__(self, *statuses: int) -> None:
        self.requests: list[tuple[str, dict]] = []
        self.taken: dict[str, dict] = {}
        self.answers = list(statuses or [200])

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                key = handler.headers["Idempotency-Key"]
                status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                self.requests.append((key, body))
                if status < 300:
                    self.taken.setdefault(key, body)  # as a receiver does that knows the key already
                handler.send_response(status)
                handler.end_headers()

            def log_message(handler, *_: object) -> None:  # noqa: N805
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret-part"

    def __enter__(self) -> "WebReceiver":
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def events(self) -> list[str]:
        """What happened, by the messages that it took."""
        return [body.get("event") or body.get("event_action") for body in self.taken.values()]


class Mailbox:
    """A handler of aiosmtpd that answers DATA with the given replies, the last one from then on."""

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies or ["250 OK"])
        self.mails: list[EmailMessage] = []
        self.tried = 0

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802, ARG002
        self.tried += 1
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.startswith("2"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            if mail["Message-ID"] not in {each["Message-ID"] for each in self.mails}:
                self.mails.append(mail)
        return reply


@contextmanager
def mail_server(mailbox: Mailbox, **options) -> Iterator[int]:
    """A mail server on loopback; its port."""
    from aiosmtpd.controller import Controller

    port = free_port()  # the controller can't be asked for any
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE_S, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
