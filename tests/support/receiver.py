"""A receiver of webhooks: notes what comes, and answers as it was set to."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass
class Delivery:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> int:
        return int(self.headers["webhook-id"])

    def event(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str) -> Any:
        """As a receiver would; raises when the signature isn't one of this secret's."""
        return Webhook(secret).verify(self.body, self.headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Senders hang up on purpose here."""


class Receiver:
    """
    Attributes:
        answer: the status for a delivery, or bytes for the connection, instead of any answer.
    """

    def __init__(self) -> None:
        self.received: list[Delivery] = []
        self.answer: Callable[[Delivery], int | Iterator[bytes]] = lambda delivery: 200
        self.headers: dict[str, str] = {}
        self.body = b"ok"
        self.closing = Event()
        self.connections: set[object] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                receiver.connections.add(self.client_address)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivery = Delivery(self.path, headers, body)
                receiver.received.append(delivery)
                answer = receiver.answer(delivery)
                if isinstance(answer, int):
                    self._answer(answer)
                else:
                    self.close_connection = True
                    for part in answer:
                        self.wfile.write(part)
                        self.wfile.flush()

            def _answer(self, status: int) -> None:
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                body = b"" if status == 204 else receiver.body
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def ids(self) -> list[int]:
        return [delivery.id for delivery in self.received]

    def silence(self, _: Delivery) -> Iterator[bytes]:
        """Hold the line and answer nothing."""
        self.closing.wait()
        yield b""

    def trickle(self, text: bytes) -> Callable[[Delivery], Iterator[bytes]]:
        """Answer with a byte now and then, quicker than any time-out between two of them."""

        def answer(_: Delivery) -> Iterator[bytes]:
            for byte in text:
                yield bytes([byte])
                if self.closing.wait(0.05):
                    return

        return answer

    @contextmanager
    def serving(self) -> Iterator["Receiver"]:
        thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver().serving() as receiver:
        yield receiver
