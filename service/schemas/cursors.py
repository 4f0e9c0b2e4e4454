"""Where the next page begins, as an opaque text for the client to send back.

It carries a digest of what was asked and of the place: a cursor belongs to one filter, and an
altered one is none. Nothing in it is secret: who makes one up gets a page that they may see anyway.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from service import strict_json
from service.schemas.metadata import is_storable


def encode(position: list[Any], asked: Mapping[str, Any]) -> str:
    """Make a cursor of the last row's sort key, for the same question asked again."""
    text = json.dumps([_digest([asked, position]), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, asked: Mapping[str, Any], *kinds: type) -> list[Any]:
    """Read a cursor.

    Args:
        kinds: the types of the position's parts.

    Raises:
        ValueError: it is none of ours, or belongs to another question.
    """
    padded = cursor + "=" * (-len(cursor) % 4)
    # What is not in base64's alphabet is passed over: the comparison below refuses it.
    found = strict_json.loads(base64.urlsafe_b64decode(padded).decode())
    if type(found) is not list:
        raise ValueError("no cursor at all")
    position = found[1:]
    # First: what is nested deeply could be read, and not be written.
    if [type(part) for part in position] != [*kinds] or not is_storable(position):
        raise ValueError("a cursor of another kind")
    if encode(position, asked) != cursor:
        raise ValueError("altered, or a cursor of another question")
    return position


def _digest(of: Any) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
