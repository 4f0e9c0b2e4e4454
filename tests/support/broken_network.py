"""Servers that hold the line and answer nothing, and a line that goes dead."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where every connection is accepted, and nothing ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield listener.getsockname()[1]


class Line:
    """A TCP port that forwards to PostgreSQL, until it is cut."""

    def __init__(self, url: str) -> None:
        self._upstream = sa.make_url(url)
        self._open = threading.Event()
        self._open.set()
        self._last_words: bytes | None = None
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = (
            self._upstream.set(host="127.0.0.1", port=self._listener.getsockname()[1], query={})
            .update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
            .render_as_string(hide_password=False)
        )
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_before(self, statement: bytes) -> None:
        """Cut as soon as the client asks for this."""
        self._last_words = statement

    def cut(self) -> None:
        """Forward nothing any more, either way, and say so to nobody."""
        self._open.clear()

    @property
    def is_cut(self) -> bool:
        return not self._open.is_set()

    def mend(self) -> None:
        self._last_words = None
        self._open.set()

    def close(self) -> None:
        self._open.set()
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    arguments = (source, sink)
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _connect(self) -> socket.socket:
        host = self._upstream.host or str(self._upstream.query.get("host"))
        port = self._upstream.port or 5432
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        return socket.create_connection((host, port))

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self._last_words is not None and self._last_words in data:
                    self.cut()
                self._open.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    line = Line(url)
    try:
        yield line
    finally:
        line.close()
