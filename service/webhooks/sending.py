"""One attempt: an event, signed as the Standard Webhooks specification has it."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import httpcore
from standardwebhooks import Webhook

from service import strict_json
from service.schemas.events import representation
from service.webhooks.network import Network

LARGEST_ANSWER = 65_536
"""Bytes of an answer that are read, so that its connection can be used again."""


class Outcome(NamedTuple):
    status: int | None
    """None when there was no answer."""
    reason: str
    """For the log: never what the receiver wrote, which may be what it was sent."""

    @property
    def is_acknowledged(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410


class Sender:
    """
    Args:
        secrets: each signs, so that they can be rotated.
        timeout: seconds for an attempt in all: connecting, sending, the whole answer.
    """

    def __init__(self, secrets: Sequence[str], *, timeout: float, version: str) -> None:
        self._signers = [Webhook(secret) for secret in secrets]
        self._timeout = timeout
        self._version = version
        self._pool = httpcore.AsyncConnectionPool(
            # The system's authorities. Nothing of the environment leads a delivery elsewhere.
            ssl_context=ssl.create_default_context(),
            max_connections=None,  # one for each address
            keepalive_expiry=5,  # in seconds
            network_backend=Network(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    async def send(self, url: str, event: Any) -> Outcome:
        """Send an event, and wait for the answer."""
        body = strict_json.to_bytes(representation(event))
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(url, body, self._headers(str(event.id), body))
        except TimeoutError:
            return Outcome(None, "time-out")
        except Exception as error:  # whatever a receiver does, it is a failed attempt
            return Outcome(None, type(error).__name__)

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        text = body.decode()
        return {
            "Content-Type": "application/json",
            "User-Agent": f"social-associations/{self._version}",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(
                signer.sign(message_id, now, text) for signer in self._signers
            ),
        }

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        parts = urlsplit(url)
        target = httpcore.URL(
            scheme=parts.scheme,
            host=str(parts.hostname),
            port=parts.port,
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
        sent = [("Host", parts.netloc), *headers.items()]
        async with self._pool.stream("POST", target, headers=sent, content=body) as response:
            read = 0
            async for part in response.aiter_stream():
                read += len(part)
                if read > LARGEST_ANSWER:
                    break
            return Outcome(response.status, str(response.status))
