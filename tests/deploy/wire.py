"""HTTP as bytes: what no client library would send, and every header that came back."""

import json
import re
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The header's value; it must not be there twice."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, self.headers
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    target: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    last: bool = True,
) -> bytes:
    """A request as bytes; `last` asks that the connection be closed after it."""
    lines = [f"{method} {target} HTTP/1.1"]
    fields = {"Host": "api.example.org"} | (headers or {})
    if body:
        fields = {"Content-Length": str(len(body)), "Content-Type": "application/json"} | fields
    if last:
        fields["Connection"] = "close"
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def connect(port: int, address: str = "127.0.0.1", timeout: float = 20) -> socket.socket:
    """A connection to the public port from this address of the loopback network."""
    return socket.create_connection(("127.0.0.1", port), timeout, source_address=(address, 0))


def send(port: int, *parts: bytes, address: str = "127.0.0.1", timeout: float = 20) -> list[Answer]:
    """Send the bytes and read all answers until the other side closes the connection."""
    with connect(port, address, timeout) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break  # refused before it was all sent; the answer is there
        return answers(read_to_end(connection))


def read_to_end(connection: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := connection.recv(65_536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def answers(received: bytes) -> list[Answer]:
    """Take a connection's bytes apart; interim answers (100) are left out."""
    found = []
    while received:
        head, separator, received = received.partition(b"\r\n\r\n")
        assert separator, received
        status_line, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 ([0-9]{3})( .*)?", status_line)
        assert match, status_line
        headers = tuple((k, v.strip()) for k, _, v in (line.partition(":") for line in lines))
        names = {name.lower(): value for name, value in headers}
        if names.get("transfer-encoding") == "chunked":
            body, received = _chunked(received)
        else:
            length = int(names.get("content-length", "0"))
            body, received = received[:length], received[length:]
            assert len(body) == length
        if match[1] != "100":
            found.append(Answer(int(match[1]), headers, body))
    return found


def _chunked(received: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, received = received.partition(b"\r\n")
        length = int(size, 16)
        body, received = body + received[:length], received[length + 2 :]
        if not length:
            return body, received
