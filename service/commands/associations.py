"""`flask associations …`"""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from service import database, strict_json
from service.commands import importing
from service.commands.group import USER_ID, Failure, Group
from service.commands.lines import Line, Source, Unusable, csv_lines, json_lines
from service.commands.progress import progress
from service.database import apart
from service.schemas.lines import LineSchema
from service.store import bulk
from service.store.recording import Origin

group = Group("associations", help="Many associations at once.", failure=Failure)

FORMATS = ("jsonl", "csv")
AT_ONCE = {"postgresql": 2_000, "sqlite": 500}
"""Lines in a transaction: a tenth of a second at most, for which others may have to wait."""


@group.command("import")
@click.argument("file")
@click.option("--created-by", type=USER_ID, required=True, help="Who makes what names nobody.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="By FILE's name unless given.")
@click.option("--dry-run", is_flag=True, help="Write nothing, count the same.")
@click.option("--errors", type=click.Path(path_type=Path), help="Gets the refused lines, and why.")
@click.option("--max-errors", type=click.IntRange(1), help="End after so many refused lines.")
def import_(
    file: str,
    created_by: int,
    form: str | None,
    dry_run: bool,
    errors: Path | None,
    max_errors: int | None,
) -> None:
    """Link users to identities, a line of FILE (- is standard input) each.

    Exit code 0: all of them are there; 1: some were refused; 2: it could not be done to the end.
    """
    with _explained(), ExitStack() as stack:
        source = Source(_open(stack, file))
        report = importing.Report(_open_errors(stack, errors, file))
        database.check()
        on = stack.enter_context(apart.connection())
        write = partial(bulk.create_all, on, by=Origin(created_by))
        rehearsal = stack.enter_context(bulk.Rehearsal())
        importing.run(
            _lines(source, form, file),
            report,
            write=None if dry_run else write if on.is_postgresql else _with_pauses(write),
            rehearse=partial(rehearsal.create_all, on) if dry_run or max_errors else None,
            at_once=AT_ONCE["postgresql" if on.is_postgresql else "sqlite"],
            most_refused=max_errors,
            progress=stack.enter_context(progress(source)),
        )
    click.echo(strict_json.dumps(report.counts))
    if report.refused:
        if errors is None:
            click.echo("Some were refused; --errors FILE says which, and why.", err=True)
        raise click.exceptions.Exit(1)


@contextmanager
def _explained() -> Iterator[None]:
    """End with a sentence where files or the operator end it."""
    try:
        yield
    except Unusable as error:
        raise Failure(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"{error.filename or 'A file'}: {error.strerror}.") from None
    except KeyboardInterrupt:
        raise Failure("Stopped. Run it again to go on: what is there stays as it is.") from None


def _open(stack: ExitStack, file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    return stack.enter_context(Path(file).open("rb"))


def _open_errors(stack: ExitStack, errors: Path | None, file: str) -> TextIO:
    if errors is None:
        errors = Path(os.devnull)
    elif errors.exists() and Path(file).exists() and errors.samefile(file):
        raise Failure("--errors names the file that is to be imported.")
    return stack.enter_context(errors.open("w", encoding="ascii"))


def _lines(source: Source, form: str | None, file: str) -> Iterable[Line]:
    if (form or ("csv" if file.endswith(".csv") else "jsonl")) == "jsonl":
        return json_lines(source)
    fields = LineSchema().fields
    return csv_lines(source, fields, [name for name, field in fields.items() if field.required])


def _with_pauses(write: importing.Write) -> importing.Write:
    """SQLite has one writer at a time: half of the time is left to others."""

    def write_and_pause(new: Sequence[bulk.New]) -> Sequence[str]:
        begin = time.monotonic()
        outcomes = write(new)
        time.sleep(time.monotonic() - begin)
        return outcomes

    return write_and_pause
