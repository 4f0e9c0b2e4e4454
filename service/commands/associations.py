"""`flask associations …`"""

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from service import database, strict_json
from service.commands import exporting, files, importing, rekeying
from service.commands.beside import Beside
from service.commands.group import PROVIDER, USER_ID, Failure, Group
from service.commands.lines import Line, Source, json_lines
from service.commands.output import output
from service.commands.progress import progress
from service.commands.records import csv_lines
from service.database import apart
from service.schemas.lines import LineSchema
from service.store import bulk, snapshots
from service.store.recording import Origin

group = Group("associations", help="Many associations at once.", failure=Failure)

FORMATS = ("jsonl", "csv")
AT_ONCE = {"postgresql": 2_000, "sqlite": 500}
"""Lines in a transaction: a tenth of a second at most, for which others may have to wait."""

_RENAME = ("old", "new")
STOPPED = "Stopped. Run it again to go on: what is there stays as it is."


@group.command("import")
@click.argument("file")
@click.option(
    "--created-by",
    type=USER_ID,
    required=True,
    help="The actor of the events, and the maker of lines that name none.",
)
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
    with files.explained(STOPPED), ExitStack() as stack:
        source = Source(files.opened(stack, file))
        lines = _lines(source, form, file)
        database.check()
        on = stack.enter_context(apart.connection())
        # Only now: a run that can't begin leaves the report of the last one.
        report = importing.Report(files.opened_errors(stack, errors, source))
        rehearsal = stack.enter_context(bulk.Rehearsal())
        importing.run(
            lines,
            report,
            writer=stack.enter_context(Beside[list[str]](on.hurry)),
            write=None if dry_run else partial(bulk.create_all, on, by=Origin(created_by)),
            rehearse=partial(rehearsal.create_all, on) if dry_run or max_errors else None,
            at_once=AT_ONCE["postgresql" if on.is_postgresql else "sqlite"],
            position=lambda: source.position,
            most_refused=max_errors,
            progress=stack.enter_context(progress(source)),
        )
    if max_errors and report.refused >= max_errors:
        click.echo("It ended at --max-errors: the lines after that were left alone.", err=True)
    _end(report, errors)


@group.command("export")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--provider", type=PROVIDER, help="Only this one's.")
@click.option("--user", "user_id", type=USER_ID, metavar="ID", help="Only this one's.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="By FILE's name unless given.")
def export(file: Path | None, provider: str | None, user_id: int | None, form: str | None) -> None:
    """Write all associations, as they are at one moment, to FILE or standard output.

    The last line on standard error says from which event on to follow what comes after.
    """
    if file == Path("-"):
        file = None
    lines = exporting.csv_lines if _is_csv(form, str(file)) else exporting.json_lines
    with files.explained("Stopped."):
        database.check()
        with snapshots.taken(provider, user_id) as snapshot, files.written(file) as write:
            counted = exporting.Counted(snapshot.rows)
            for some in lines(counted):
                write(some)
    last = {"exported": counted.count, "next_after": snapshot.next_after}
    click.echo(strict_json.dumps(last), err=True)


@group.command("rekey")
@click.argument("file")
@click.option("--provider", type=PROVIDER, required=True, help="Whose ext_ids they are.")
@click.option("--dry-run", is_flag=True, help="Write nothing, count the same.")
@click.option("--errors", type=click.Path(path_type=Path), help="Gets the refused lines, and why.")
def rekey(file: str, provider: str, dry_run: bool, errors: Path | None) -> None:
    """Give new ext_ids for old ones: FILE is CSV with the columns old and new.

    Lines that change places with one another are done together, or refused together. Exit code
    0: all were changed; 1: some were refused; 2: it could not be done to the end.
    """
    with files.explained("Stopped."), ExitStack() as stack:
        source = Source(files.opened(stack, file))
        lines = csv_lines(source, _RENAME, _RENAME)
        database.check()
        on = stack.enter_context(apart.connection())
        report = importing.Report(files.opened_errors(stack, errors, source), rekeying.OUTCOMES)
        rekeying.run(lines, report, on, provider, dry_run=dry_run)
    _end(report, errors)


def _end(report: importing.Report, errors: Path | None) -> None:
    with files.explained(STOPPED), output() as standard:
        click.echo(strict_json.dumps(report.counts), file=standard)
    if report.refused:
        if errors is None:
            click.echo("Some were refused; --errors FILE says which, and why.", err=True)
        raise click.exceptions.Exit(1)


def _lines(source: Source, form: str | None, file: str) -> Iterable[Line]:
    if not _is_csv(form, file):
        return json_lines(source)
    fields = LineSchema().fields
    return csv_lines(source, fields, [name for name, field in fields.items() if field.required])


def _is_csv(form: str | None, file: str) -> bool:
    return file.lower().endswith(".csv") if form is None else form == "csv"
