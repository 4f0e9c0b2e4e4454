"""What tests send: environments, paths, headers, bodies."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from tests.support.tokens import SECRET, bearer, token

PATH = "/api/v2/user/provider/"


def path_of(user_id: object) -> str:
    """The second form of the path: the user is named in it."""
    return f"/api/v2/user/{user_id}/provider/"


def environment(database_url: str, **changes: str) -> dict[str, str]:
    """The environment of an application under test."""
    return {"DATABASE_URL": database_url, "JWT_SECRET_KEY": SECRET} | changes


def as_user(user_id: object = 7, **changes: Any) -> dict[str, str]:
    """Headers with a good token of this user: `client.get(PATH, headers=as_user(7))`."""
    return bearer(token(user_id, **changes))


def as_admin(user_id: object = 1) -> dict[str, str]:
    """Headers of an admin by the token's role claim."""
    return as_user(user_id, role="admin")


def facebook(**changes: Any) -> dict[str, Any]:
    """A body that creates an association of user 7 at a provider that isn't `external`."""
    return {"user_id": 7, "provider": "facebook", "ext_id": "fb-1"} | changes


def external(**changes: Any) -> dict[str, Any]:
    """A body that creates an association of user 7 at the provider `external`."""
    return {"user_id": 7, "provider": "external", "ext_id": "ex-1"} | changes


UNSET: dict[str, Any] = {
    "profile_url": None,
    "show_in_profile": False,
    # of `external` alone
    "metadata": None,
}
"""Every detail of an association, with its value when nothing was given."""


def unset_at(provider: str) -> dict[str, Any]:
    """Those that the provider has."""
    is_external = provider == "external"
    return {name: unset for name, unset in UNSET.items() if (name == "metadata") == is_external}


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """How an association is shown that this body creates."""
    return unset_at(body["provider"]) | body


def is_a_sentence(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Z].*[a-z] .*\.", text, re.DOTALL))


def errors_of(response: Any) -> dict[str | None, str]:
    """The response's errors as `{field or None: code}`; each has a sentence beside its code."""
    found: dict[str | None, str] = {}
    for entry in response.get_json()["errors"]:
        messages = entry["messages"] if "field" in entry else [entry]
        assert len(messages) == 1
        assert is_a_sentence(messages[0]["message"])
        found[entry.get("field")] = messages[0]["code"]
    return found


def event(**changes: Any) -> Any:
    """A row of the store's feed."""
    row = {
        "id": 1,
        "type": "association.created",
        "occurred_at": datetime(2026, 11, 26, 7, 0, 0, 123456, UTC),
        "user_id": 7,
        "provider": "facebook",
        "ext_id": "fb-é😀",
        "actor_id": None,
        "request_id": None,
        "changed": None,
        "from_user_id": None,
        "deleted": None,
    }
    return SimpleNamespace(**(row | changes))
