"""Time in tests: what must happen soon, and what must not take long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def eventually(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until the condition holds; fail when it doesn't."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when the block takes longer."""
    begin = time.monotonic()
    yield
    took = time.monotonic() - begin
    assert took < seconds, f"it took {took:.2f} s"
