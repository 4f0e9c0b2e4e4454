"""A server in gunicorn's place that records what it is sent and answers as it was set to."""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


class Upstream:
    """`answer` gets each request's bytes and gives the bytes to send; None hangs up instead."""

    def __init__(self, path: Path) -> None:
        self.answer: Callable[[bytes], bytes | None] = lambda _: OK
        self.is_to_close_a_kept_one = False
        """Hang up once, at a request on a connection that had one before."""
        self.requests: list[bytes] = []
        self.connections = 0
        path.unlink(missing_ok=True)
        self._path = path
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(512)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes those who wait in accept and recv.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._path.unlink(missing_ok=True)

    def headers(self, number: int = -1) -> dict[str, list[str]]:
        """A recorded request's headers by lower-case name."""
        head = self.requests[number].partition(b"\r\n\r\n")[0].decode("latin-1")
        found: dict[str, list[str]] = {}
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            found.setdefault(name.lower(), []).append(value.strip())
        return found

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            is_kept = False
            while request := _read_request(connection):
                self.requests.append(request)
                if is_kept and self.is_to_close_a_kept_one:
                    self.is_to_close_a_kept_one = False
                    return
                answer = self.answer(request)
                if answer is None:
                    return
                connection.sendall(answer)
                is_kept = True


def _read_request(connection: socket.socket) -> bytes:
    """One request with its Content-Length; nothing when the other side hung up."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65_536)):
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    match = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    length = int(match[1]) if match else 0
    while len(body) < length:
        if not (chunk := connection.recv(65_536)):
            return b""
        body += chunk
    return head + b"\r\n\r\n" + body
