"""The contract as a few lines of Python over a dictionary: who may do what, and what it answers.

Written from the contract and not from the service, whose code it must not use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.support.factories import UNSET, unset_at

Pair = tuple[str, str]


@dataclass(frozen=True)
class Caller:
    name: str
    user_id: int | None
    has_admin_role: bool = False
    is_forged: bool = False
    """Has a token that is signed by somebody else."""


@dataclass(frozen=True)
class Call:
    method: str
    path_user: int | None = None
    """None: the first form of the path."""
    body: dict[str, Any] | None = None
    query: dict[str, Any] = field(default_factory=dict)
    action: str = ""
    """What stands behind the path: `transfer`, `all`, `lookup`, `search`."""


@dataclass
class Stored:
    user_id: int
    created_by: int
    details: dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, codes: Mapping[Any, str]) -> None:
        self.status, self.codes = status, codes


def refuse(status: int, code: str) -> NoReturn:
    raise Refused(status, {None: code})


def canonical(value: Any) -> Any:
    """For comparisons: to Python `True == 1`, to JSON it is another value."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, dict):
        return {key: canonical(part) for key, part in value.items()}
    if isinstance(value, list):
        return [canonical(part) for part in value]
    return value


class Reference:
    """What the service should hold and answer."""

    def __init__(self, cap: int, by_admin: frozenset[str]) -> None:
        self.cap = cap
        self.by_admin = by_admin
        self.granted: set[int] = set()
        self.stored: dict[Pair, Stored] = {}  # in the order of creation

    def answer(self, caller: Caller, call: Call) -> tuple[int, Any]:
        """The status, and the body of a success or `{field or None: code}` of a refusal."""
        try:
            if caller.is_forged:
                refuse(401, "invalid_token")
            return self._carry_out(caller, call)
        except Refused as refusal:
            return refusal.status, refusal.codes

    def _carry_out(self, caller: Caller, call: Call) -> tuple[int, Any]:
        return self._find(caller, call) if call.method == "GET" else self._write(caller, call)

    def table(self) -> list[dict[str, Any]]:
        """The rows that the database should hold, by pair."""
        return [
            {"user_id": kept.user_id, "provider": pair[0], "ext_id": pair[1]}
            | {**UNSET, **kept.details, "created_by": kept.created_by}
            for pair, kept in sorted(self.stored.items())
        ]

    def _is_admin(self, caller: Caller) -> bool:
        return caller.has_admin_role or caller.user_id in self.granted

    def _manages(self, caller: Caller, user_id: int) -> bool:
        return caller.user_id == user_id or self._is_admin(caller)

    def _shape(self, pair: Pair) -> dict[str, Any]:
        kept = self.stored[pair]
        return {"user_id": kept.user_id, "provider": pair[0], "ext_id": pair[1], **kept.details}

    def _find(self, caller: Caller, call: Call) -> tuple[int, Any]:
        query = call.query
        asks_for_a_pair = "provider" in query or "ext_id" in query
        if asks_for_a_pair and caller.user_id is None:
            refuse(401, "not_authenticated")
        if call.path_user is not None and query:
            raise Refused(400, dict.fromkeys(query, "unknown"))
        if asks_for_a_pair:
            wrong: dict[str | None, str] = {
                name: "required" for name in ("provider", "ext_id") if name not in query
            }
            if "user_id" in query:
                wrong["user_id"] = "invalid"
            if wrong:
                raise Refused(400, wrong)
            if not self._is_admin(caller):
                refuse(403, "permission_denied")
            pair = (query["provider"], query["ext_id"])
            return 200, [self._shape(pair)] if pair in self.stored else []
        user_id = call.path_user or query.get("user_id") or caller.user_id
        if user_id is None:
            raise Refused(400, {"user_id": "required"})
        sees_all = self._manages(caller, user_id)
        return 200, [
            self._shape(pair)
            for pair, kept in self.stored.items()
            if kept.user_id == user_id and (sees_all or kept.details.get("show_in_profile"))
        ]

    def _write(self, caller: Caller, call: Call) -> tuple[int, Any]:
        if caller.user_id is None:
            refuse(401, "not_authenticated")
        if call.path_user is not None and not self._manages(caller, call.path_user):
            refuse(403, "permission_denied")
        fields = dict(call.query if call.body is None else call.body)
        wrong = self._wrong(call, fields)
        if wrong:
            raise Refused(400, wrong)
        user_id: Any = fields.get("user_id", call.path_user)
        if not self._manages(caller, user_id):
            refuse(403, "permission_denied")
        pair = (fields["provider"], fields["ext_id"])
        if call.method != "DELETE" and pair[0] in self.by_admin and not self._is_admin(caller):
            refuse(403, "permission_denied")
        if call.method == "POST":
            return self._create(pair, user_id, fields, caller.user_id)
        if pair not in self.stored or self.stored[pair].user_id != user_id:
            refuse(404, "not_found")
        if call.method == "DELETE":
            del self.stored[pair]
            return 204, None
        changes = {name: fields[name] for name in unset_at(pair[0]) if name in fields}
        self.stored[pair].details.update(changes)
        return 200, self._shape(pair)

    def _create(
        self, pair: Pair, user_id: int, fields: dict[str, Any], created_by: int
    ) -> tuple[int, Any]:
        details = {name: fields.get(name, UNSET[name]) for name in unset_at(pair[0])}
        there = self.stored.get(pair)
        if there and there.user_id == user_id and canonical(there.details) == canonical(details):
            return 200, self._shape(pair)
        if sum(kept.user_id == user_id for kept in self.stored.values()) >= self.cap:
            refuse(409, "limit")
        if there:
            refuse(409, "unique")
        self.stored[pair] = Stored(user_id, created_by, details)
        return 201, self._shape(pair)

    def _wrong(self, call: Call, fields: dict[str, Any]) -> dict[str | None, str]:
        wrong: dict[str | None, str] = {}
        if "user_id" not in fields:
            if call.path_user is None:
                wrong["user_id"] = "required"
        elif call.path_user is not None and fields["user_id"] != call.path_user:
            wrong["user_id"] = "mismatch"
        if fields["provider"] == "External":
            wrong["provider"] = "invalid"
        if fields["ext_id"] != fields["ext_id"].strip():
            wrong["ext_id"] = "invalid"
        if call.method == "DELETE":
            return wrong
        if "created_by" in fields:
            wrong["created_by"] = "unknown"
        if fields.get("show_in_profile") not in (None, True, False):
            wrong["show_in_profile"] = "invalid"
        elif fields.get("show_in_profile", False) is None:
            wrong["show_in_profile"] = "null"
        if "provider" in wrong:
            return wrong
        fits = unset_at(fields["provider"])
        said = [name for name in UNSET if name in fields and name not in wrong]
        misfits = [n for n in said if n not in fits and fields[n] not in (None, False)]
        wrong |= dict.fromkeys(misfits, "not_applicable")
        says_something = any(name in fits for name in said)
        is_broken = any(name in wrong for name in UNSET)
        if call.method == "PATCH" and not says_something and not is_broken:
            wrong[None] = "invalid"
        return wrong
