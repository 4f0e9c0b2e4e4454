"""What belongs to a provider: the one table that bodies, answers, PATCH and the document read.

`models` has the same rules as CHECK constraints; `tests/unit/test_models.py` compares them.
"""

from collections.abc import Mapping
from typing import Any

EXTERNAL = "external"
"""The platform's own provider."""

Details = Mapping[str, Any]
"""Names of fields, each with its value when unset: to send that says nothing."""

OF_NAMED: Mapping[str, Details] = {
    EXTERNAL: {"metadata": None},
}
OF_OTHERS: Details = {"profile_url": None, "show_in_profile": False}

UNSET: Details = {
    name: unset for kind in (OF_OTHERS, *OF_NAMED.values()) for name, unset in kind.items()
}
"""Every detail that there is."""


def details_of(provider: str) -> Details:
    """The details that an association at this provider has."""
    return OF_NAMED.get(provider, OF_OTHERS)
