"""The README's examples are true: each request gets the answer that stands below it."""

import json
import re
from pathlib import Path

from flask.testing import FlaskClient

from tests.support.factories import as_admin, as_user

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(r"Bearer <token of (?:user (\d+)|an admin)>")


def _parse(block: str) -> tuple[str, dict[str, str], str]:
    head, _, body = block.partition("\n\n")
    first, *lines = head.strip().splitlines()
    return first, dict(line.split(": ", 1) for line in lines), body.strip()


def _authorize(headers: dict[str, str]) -> dict[str, str]:
    found = _TOKEN.fullmatch(headers.get("Authorization", ""))
    if found is None:
        return headers
    return headers | (as_user(int(found[1])) if found[1] else as_admin())


# What no example can foresee: a time and an id have the form that they have there.
_OF_THE_MOMENT = re.compile(
    r'("(?:occurred|created|updated)_at": ?)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"'
    r'|("request_id": ?)"[0-9a-f]{32}"'
)


def _lasting(text: str) -> object:
    return json.loads(_OF_THE_MOMENT.sub(r'\1\2"?"', text))


def test_the_examples_are_true(client: FlaskClient) -> None:
    blocks = [_parse(block) for block in _BLOCK.findall(README.read_text())]
    assert len(blocks) >= 20
    for request, answer in zip(blocks[::2], blocks[1::2], strict=True):
        method, target = request[0].split()
        response = client.open(
            target, method=method, headers=_authorize(request[1]), data=request[2] or None
        )
        assert str(response.status_code) == answer[0], request
        for name, value in answer[1].items():
            assert response.headers[name] == value, request
        if answer[2]:
            assert _lasting(response.get_data(as_text=True)) == _lasting(answer[2]), request
        else:
            assert response.get_data() == b""
