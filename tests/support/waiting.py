"""Time in tests: what must happen soon, and what must not take long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Seen = TypeVar("Seen")


def becomes(look: Callable[[], Seen], seconds: float, every: float = 0.01) -> Seen:
    """Look until there is something true to see, for so long at most; gives what was seen last."""
    end = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < end:
        time.sleep(every)
    return seen


def eventually(
    look: Callable[[], Seen | None],
    seconds: float = 5,
    otherwise: Callable[[], str] | None = None,
) -> Seen:
    """Wait until there is something true to see; fail when there isn't, saying `otherwise()`."""
    seen = becomes(look, seconds)
    assert seen, otherwise() if otherwise else "it did not happen in time"
    return seen


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when the block takes longer."""
    begin = time.monotonic()
    yield
    took = time.monotonic() - begin
    assert took < seconds, f"it took {took:.2f} s"
