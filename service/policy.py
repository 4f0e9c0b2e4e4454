"""Who may do what, as predicates of (actor, user_id). Knows nothing of HTTP or the database.

`user_id` is whose associations it concerns; None for what concerns nobody in particular.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated caller. Somebody without a token is `None` instead."""

    user_id: int
    is_admin: bool


Rule = Callable[[Actor | None, int | None], bool]


def may_manage(actor: Actor | None, user_id: int | None) -> bool:
    """Change associations of `user_id` and see their history: that user, or an admin."""
    return actor is not None and (actor.user_id == user_id or actor.is_admin)


def sees_hidden(actor: Actor | None, user_id: int | None) -> bool:
    """See also what `user_id` does not show in the profile: that user, or an admin."""
    return may_manage(actor, user_id)


def is_for_admins(actor: Actor | None, user_id: int | None) -> bool:
    """Ask whose a pair is, follow all events, erase a user: admins, whoever it concerns."""
    return actor is not None and actor.is_admin


def may_link_at(provider: str, by_admin: Container[str]) -> Rule:
    """Create or change a link at `provider`: where it is one of `by_admin`, admins alone.

    Such a link is to say that somebody saw a proof, so users make none themselves.
    """
    return is_for_admins if provider in by_admin else may_manage
