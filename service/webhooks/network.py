"""Connections to receivers, of which no more is read for a request than any answer needs."""

import ssl
from typing import Any

import httpcore

MOST_READ = 256 * 1024
"""Bytes, whatever they are: a flood of interim answers (1xx) would keep the one thread busy, and
the other addresses waiting, for as long as an attempt may take."""


class TooMuch(Exception):
    """A receiver answers and answers."""


class Network(httpcore.AsyncNetworkBackend):
    """The usual network, with this limit."""

    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._network.connect_tcp(*args, **options))


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._read = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._read > MOST_READ:
            raise TooMuch
        part = await self._stream.read(max_bytes, timeout)
        self._read += len(part)
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._read = 0
        await self._stream.write(buffer, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
