"""HTTP as bytes: what no client library would send, and every header that came back."""

import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers

STATUS_LINE = re.compile(r"HTTP/1\.1 ([0-9]{3})( .*)?")


@dataclass(frozen=True)
class Answer:
    """A response as it came over the line."""

    status: int
    headers: Headers
    body: bytes
    rest: bytes = b""
    """What came after it."""

    def header(self, name: str) -> str | None:
        """The header's value; it must not be there twice."""
        found = self.headers.getlist(name)
        assert len(found) <= 1, self.headers
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None
) -> bytes:
    fields: dict[str, str] = {"Host": "localhost"}
    if body:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= headers or {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def connect(port: int, address: str = "127.0.0.1", timeout: float = 20) -> socket.socket:
    """A connection to this port of loopback, from any address of that network."""
    return socket.create_connection(("127.0.0.1", port), timeout, source_address=(address, 0))


def exchange(port: int, sent: bytes) -> Answer:
    """Send these bytes over a connection of their own and read one response."""
    with connect(port) as connection:
        connection.sendall(sent)
        return receive(connection)


def receive(connection: socket.socket) -> Answer:
    """Read one response."""
    received = b""
    while (answer := parse(received)) is None:
        data = connection.recv(65_536)
        assert data, "the connection was closed before the response was whole"
        received += data
    return answer


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the other side closes the connection."""
    found = b""
    try:
        while data := connection.recv(65_536):
            found += data
    except ConnectionResetError:
        pass
    return found


def answers(received: bytes) -> list[Answer]:
    """Take a connection's bytes apart; interim answers (100) are left out."""
    found = []
    while received:
        answer = parse(received)
        assert answer, received
        if answer.status != 100:
            found.append(answer)
        received = answer.rest
    return found


def parse(received: bytes) -> Answer | None:
    """The response that these bytes begin with, or None while it isn't whole."""
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    status_line, *lines = head.decode("latin-1").split("\r\n")
    match = STATUS_LINE.fullmatch(status_line)
    assert match, status_line
    pairs = (line.partition(":") for line in lines)
    headers = Headers([(name, value.strip(" \t")) for name, _, value in pairs])
    if headers.get("Transfer-Encoding") == "chunked":
        body = _chunks(rest)
    else:
        length = int(headers.get("Content-Length", 0))
        body = (rest[:length], rest[length:]) if len(rest) >= length else None
    return Answer(int(match[1]), headers, *body) if body else None


def _chunks(received: bytes) -> tuple[bytes, bytes] | None:
    """The body that these chunks make, and what comes after it."""
    body = b""
    while True:
        size, separator, received = received.partition(b"\r\n")
        if not separator or len(received) < int(size, 16) + 2:
            return None
        length = int(size, 16)
        body, received = body + received[:length], received[length + 2 :]
        if not length:
            return body, received
