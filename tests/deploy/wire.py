"""Requests to the public port, from any address of loopback."""

from tests.support import http
from tests.support.http import Answer, answers, connect, read_to_end

__all__ = ["Answer", "answers", "connect", "read_to_end", "request", "send"]


def request(
    target: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    last: bool = True,
) -> bytes:
    """A request as bytes; `last` asks that the connection be closed after it."""
    fields = {"Host": "api.example.org"} | (headers or {})
    if last:
        fields["Connection"] = "close"
    return http.request(method, target, body, headers=fields)


def send(port: int, *parts: bytes, address: str = "127.0.0.1", timeout: float = 20) -> list[Answer]:
    """Send the bytes and read all answers until the other side closes the connection."""
    with connect(port, address, timeout) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break  # refused before it was all sent; the answer is there
        return answers(read_to_end(connection))
