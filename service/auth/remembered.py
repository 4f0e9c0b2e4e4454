"""Verified tokens, remembered until they expire.

Verifying a signature costs more than all else of a request, and clients send the same token over
and over. Entries are found by Python's keyed hash, so the time that comparing strings takes
gives nothing away.
"""

import threading
import time
from collections.abc import Callable

from service.auth.keys import KeySet
from service.auth.tokens import Token
from service.telemetry import metrics

_LONGEST = 2048  # characters
_MOST = 4096


class Remembered:
    """Verifies tokens by `verify`, each good one once.

    Args:
        verify: raises BadToken.
        public_keys: those of now. When they change, all that was verified before is verified
            anew: the key of a remembered token may be gone.

    What may change while a token lives, an admin grant above all, is not remembered here.
    """

    def __init__(self, verify: Callable[[str], Token], public_keys: Callable[[], KeySet]) -> None:
        self._verify = verify
        self._public_keys = public_keys
        self._tokens: dict[str, tuple[Token, KeySet]] = {}
        self._lock = threading.Lock()

    def verify(self, encoded: str) -> Token:
        """Verify a token in compact form.

        Raises:
            BadToken: it isn't good.
        """
        keys = self._public_keys()
        if (known := self._tokens.get(encoded)) is not None:
            token, keys_then = known
            # Not valid yet: the clock was set back.
            if keys_then is keys and token.valid_from <= time.time() < token.expires:
                metrics.TOKEN_HITS.inc()
                return token
        metrics.TOKEN_MISSES.inc()
        token = self._verify(encoded)
        if len(encoded) <= _LONGEST:
            self._remember(encoded, token, keys)
        return token

    def _remember(self, encoded: str, token: Token, keys: KeySet) -> None:
        with self._lock:
            self._tokens[encoded] = token, keys
            if len(self._tokens) > _MOST:
                del self._tokens[next(iter(self._tokens))]  # the oldest
