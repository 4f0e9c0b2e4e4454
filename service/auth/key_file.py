"""The file of public keys, read again while the service runs.

It is looked at when a token comes, at most every two seconds: the contract promises that a change
counts within five. The content is compared, not its date: the file is small, and dates lie.
"""

import logging
import threading
import time
from pathlib import Path

from service.auth import keys
from service.auth.keys import KeySet, UnusableFile
from service.config import ConfigError

logger = logging.getLogger(__name__)

_LOOK_EVERY = 2  # seconds
_LARGEST = 256 * 1024  # bytes

_checked = False


def check(path: Path) -> None:
    """Stop the start of a server when the file can't be used.

    For its master, and once: from then on the file stops nobody, neither a worker that starts
    nor the master when it reads its settings again.

    Raises:
        ConfigError: says why.
    """
    global _checked
    if not _checked:
        KeyFile(path)
        _checked = True


class KeyFile:
    """The public keys of one file. A state of it that can't be used changes nothing.

    Raises:
        ConfigError: the file can't be used, and there is no server yet that it would stop.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: bytes | None = None
        self._keys = KeySet()
        self._trouble: str | None = None
        self._next_look = 0.0
        self._looking = threading.Lock()
        try:
            self._read()
        except UnusableFile as error:
            if not _checked:
                raise ConfigError("JWT_PUBLIC_KEYS_FILE", str(error)) from None
            self._note(str(error))

    def current(self) -> KeySet:
        """The keys as they are now: another object after each change."""
        if time.monotonic() >= self._next_look and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._keys

    def _look(self) -> None:
        self._next_look = time.monotonic() + _LOOK_EVERY
        try:
            self._read()
            self._trouble = None
        except UnusableFile as error:
            self._note(str(error))

    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except OSError as error:
            raise UnusableFile(f"can't be read: {error.strerror}.") from None
        if len(content) > _LARGEST:
            raise UnusableFile(f"is larger than {_LARGEST} bytes.")
        if content != self._content:
            self._keys = keys.parse(content)
            self._content = content
            logger.info("public keys read", extra={"keys": len(self._keys.keys)})

    def _note(self, trouble: str) -> None:
        """Log once what is wrong; the keys that are known stay."""
        if trouble != self._trouble:
            extra = {"reason": f"JWT_PUBLIC_KEYS_FILE {trouble}", "keys": len(self._keys.keys)}
            logger.error("public keys not read", extra=extra)
        self._trouble = trouble
