"""How far a command is, for whoever watches it on a terminal."""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from service.commands.lines import Source


@contextmanager
def progress(source: Source) -> Iterator[Callable[[int], None]]:
    """Show it on standard error, where that is a terminal.

    Gives a function that takes how many lines more are done.
    """
    begin, done, shown = time.monotonic(), 0, 0

    def rate(lines: int | None) -> str:
        return f"{lines:,} lines, {lines / (time.monotonic() - begin):,.0f}/s" if lines else ""

    with click.progressbar(
        itertools.repeat(0),  # nobody goes through it, but click wants one where no length is known
        length=source.size(),
        file=sys.stderr,
        hidden=sys.stderr is None or not sys.stderr.isatty(),
        item_show_func=rate,
        update_min_steps=0,  # a batch may end without a byte more having been read
    ) as bar:

        def more(lines: int) -> None:
            nonlocal done, shown
            done += lines
            bar.update(source.position - shown, done)
            shown = source.position

        yield more
