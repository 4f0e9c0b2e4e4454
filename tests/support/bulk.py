"""`flask associations …` in the test's own process."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from click.testing import Result
from flask.testing import FlaskCliRunner

from tests.support.factories import is_a_sentence

Run = Callable[..., Result]


def runs(runner: FlaskCliRunner) -> Run:
    """`flask associations import`, of what it is given."""

    def run(text: str | bytes, *options: str, by: str = "1") -> Result:
        arguments = ["associations", "import", "-", "--created-by", by, *options]
        return runner.invoke(args=arguments, input=text)

    return run


def lines(*objects: Any) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in objects)


def counts(result: Result) -> dict[str, int]:
    """The counts that are not 0; standard output holds nothing else."""
    (line,) = result.stdout.splitlines()
    found: dict[str, int] = json.loads(line)
    return {name: count for name, count in found.items() if count}


def refused(file: Path) -> list[dict[str, Any]]:
    """The lines of an errors file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def codes(errors: Iterable[dict[str, Any]]) -> dict[str | None, str]:
    """Each field's code, with a sentence beside it; of the line as a whole under None."""
    found = {one.get("field"): one["messages"][0] if "field" in one else one for one in errors}
    assert all(is_a_sentence(message["message"]) for message in found.values())
    return {field: message["code"] for field, message in found.items()}
