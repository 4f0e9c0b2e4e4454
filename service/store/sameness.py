"""Whether what is stored is what is asked for: as JSON values, and so a repetition."""

import json
from collections.abc import Mapping
from typing import Any


def is_exactly(row: Any, association: Mapping[str, Any]) -> bool:
    """Whether a create of `association`, all fields of it, would find just this stored already."""
    stored = _as_association(row)
    return is_same({name: stored[name] for name in association}, association)


def _as_association(row: Any) -> dict[str, Any]:
    # Not the strict reader: rows written by hand may hold what no request could bring.
    metadata = row.metadata and json.loads(row.metadata)
    return {**row._asdict(), "metadata": metadata}


def is_same(one: Any, other: Any) -> bool:
    """Equal as JSON values: to Python `True == 1`, to JSON they differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
