"""The files of commands: read, written as a whole, and what is said when that fails."""

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from service.commands.group import Failure
from service.commands.lines import Source, Unusable
from service.commands.output import STANDARD_OUTPUT, explanation, named, output


@contextmanager
def explained(when_stopped: str) -> Iterator[None]:
    """End with a sentence where files or the operator end it: `when_stopped`, by Ctrl-C or TERM."""
    try:
        yield
    except Unusable as error:
        raise Failure(str(error)) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename == STANDARD_OUTPUT:
            # Not a word, as `head` expects; but it was not done to the end.
            raise click.exceptions.Exit(Failure.exit_code) from None
        raise Failure(explanation(error)) from None
    except KeyboardInterrupt:
        raise Failure(when_stopped) from None


def opened(stack: ExitStack, file: str) -> BinaryIO:
    """For reading; - is standard input."""
    if file == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "it is closed", "Standard input")
        return sys.stdin.buffer
    return stack.enter_context(Path(file).open("rb"))


def opened_errors(stack: ExitStack, errors: Path | None, source: Source) -> TextIO:
    """For what is wrong with the lines of `source`; what an earlier run wrote there is gone."""
    if errors is None:
        errors = Path(os.devnull)
    elif source.is_at(errors):
        raise Failure("--errors names the file that is to be imported.")
    return stack.enter_context(_written_by_and_by(errors))


@contextmanager
def _written_by_and_by(file: Path) -> Iterator[TextIO]:
    with named(file):
        text = file.open("w", encoding="ascii")
    try:
        yield text
    finally:
        with named(file):
            text.close()


@contextmanager
def written(file: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Gives what writes into a file, or to standard output without one.

    The file gets its name, and whoever had it before is gone, when all is written.

    Raises:
        OSError: it can't be written.
    """
    if file is None:
        with output() as standard:
            yield standard.buffer.write
    elif file.exists() and not stat.S_ISREG(file.stat().st_mode):  # a pipe, /dev/…
        with named(file), file.open("wb") as pipe:
            yield pipe.write
    else:
        with named(file), _beside(file) as beside:
            yield beside.write


@contextmanager
def _beside(file: Path) -> Iterator[BinaryIO]:
    target = file.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with open(descriptor, "wb") as beside:  # mode 600
            yield beside
            beside.flush()
            os.fsync(descriptor)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
