"""Standard output, and what is said when it, or a file, can't be written."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import click

STANDARD_OUTPUT = "Standard output"


@contextmanager
def output() -> Iterator[TextIO]:
    """Standard output, which has taken all that was written when this ends.

    Raises:
        OSError: there is none, or it takes no more.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed", STANDARD_OUTPUT)
    with named(STANDARD_OUTPUT):
        try:
            yield sys.stdout
            sys.stdout.flush()
        except OSError:
            _forget_output()
            raise


def write_line(line: str | bytes) -> None:
    """Write a line to standard output.

    Raises:
        click.ClickException: it can't be written.
    """
    try:
        with output() as standard:
            click.echo(line, file=standard)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(explanation(error)) from None


@contextmanager
def named(file: Path | str) -> Iterator[None]:
    """Name the file in an error, which may name none, such as that of a full disk, or another."""
    try:
        yield
    except OSError as error:
        # Of this number and so of the same class: a broken pipe stays one.
        raise OSError(error.errno, error.strerror, str(file)) from None


def explanation(error: OSError) -> str:
    """What went wrong with which file, as a sentence."""
    return f"{error.filename or 'A file'}: {error.strerror}."


def _forget_output() -> None:
    """Throw away what standard output could not take: Python would try again at its end."""
    with suppress(OSError):  # none of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
