"""Verified tokens, remembered until they expire.

Verifying a signature costs more than all else of a request, and clients send the same token over
and over. Entries are found by Python's keyed hash, so the time that comparing strings takes
gives nothing away.
"""

import threading
import time
from collections.abc import Callable

from service.auth.tokens import Token
from service.telemetry import metrics

_LONGEST = 2048  # characters
_MOST = 4096


class Remembered:
    """Verifies tokens by `verify`, each good one once. Belongs to one set of keys, as that does.

    What may change while a token lives, an admin grant above all, is not remembered here.
    """

    def __init__(self, verify: Callable[[str], Token]) -> None:
        self._verify = verify
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def verify(self, encoded: str) -> Token:
        """Verify a token in compact form.

        Raises:
            BadToken: it isn't good.
        """
        token = self._tokens.get(encoded)
        if token is not None and token.expires > time.time():
            metrics.TOKEN_HITS.inc()
            return token
        metrics.TOKEN_MISSES.inc()
        token = self._verify(encoded)
        if len(encoded) <= _LONGEST:
            self._remember(encoded, token)
        return token

    def _remember(self, encoded: str, token: Token) -> None:
        with self._lock:
            self._tokens[encoded] = token
            if len(self._tokens) > _MOST:
                del self._tokens[next(iter(self._tokens))]  # the oldest
