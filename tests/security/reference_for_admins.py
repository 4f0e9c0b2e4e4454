"""The contract's operations for admins, over the same dictionary."""

from typing import Any

from tests.security.reference import Call, Caller, Pair, Reference, Refused, refuse

PAIR = ("provider", "ext_id")


class WholeReference(Reference):
    """With the operations for admins."""

    def _carry_out(self, caller: Caller, call: Call) -> tuple[int, Any]:
        if not call.action:
            return super()._carry_out(caller, call)
        if caller.user_id is None:
            refuse(401, "not_authenticated")
        if not self._is_admin(caller):
            refuse(403, "permission_denied")
        operations = {
            "transfer": self._transfer,
            "all": self._erase,
            "lookup": self._look_up,
            "search": self._search,
        }
        return operations[call.action](call)

    def _detailed(self, pairs: list[Pair]) -> list[dict[str, Any]]:
        """But for the times."""
        return [self._shape(p) | {"created_by": self.stored[p].created_by} for p in pairs]

    def _held(self, user_id: int) -> list[Pair]:
        return [pair for pair, kept in self.stored.items() if kept.user_id == user_id]

    def _transfer(self, call: Call) -> tuple[int, Any]:
        body = call.body or {}
        if wrong := _wrong_with_transfer(call, body):
            raise Refused(400, wrong)
        to_user_id = body["to_user_id"]
        pairs = self._held(call.path_user or 0)
        if not body.get("all"):
            pair = (body["provider"], body["ext_id"])
            if pair in self._held(to_user_id):
                return 200, [self._shape(pair)]
            if pair not in pairs:
                refuse(404, "not_found")
            pairs = [pair]
        if pairs and len(pairs) + len(self._held(to_user_id)) > self.cap:
            refuse(409, "limit")
        for pair in pairs:
            self.stored[pair].user_id = to_user_id
        return 200, [self._shape(pair) for pair in pairs]

    def _erase(self, call: Call) -> tuple[int, Any]:
        pairs = self._held(call.path_user or 0)
        for pair in pairs:
            del self.stored[pair]
        self.granted.discard(call.path_user or 0)
        return 200, {"deleted": len(pairs)}

    def _look_up(self, call: Call) -> tuple[int, Any]:
        body = call.body or {}
        by_identity = [name for name in ("provider", "ext_ids") if name in body]
        if "user_ids" in body and by_identity:
            raise Refused(400, {"user_ids": "invalid"})
        if not body:
            raise Refused(400, {None: "required"})
        if len(by_identity) == 1:
            raise Refused(400, {"ext_ids" if "provider" in body else "provider": "required"})
        asked: dict[Any, list[Pair]]
        if by_identity:
            wanted = {ext_id: (body["provider"], ext_id) for ext_id in body["ext_ids"]}
            asked = {e: [pair] if pair in self.stored else [] for e, pair in wanted.items()}
        else:
            asked = {user_id: self._held(user_id) for user_id in body["user_ids"]}
        found = [pair for pairs in asked.values() for pair in pairs]
        return 200, {
            "associations": self._detailed(found),
            "not_found": [one for one, pairs in asked.items() if not pairs],
        }

    def _search(self, call: Call) -> tuple[int, Any]:
        """All pages of it."""
        query = call.query
        found = [
            pair
            for pair, kept in sorted(self.stored.items(), key=lambda item: item[0])
            if query.get("provider", pair[0]) == pair[0]
            and query.get("created_by", kept.created_by) == kept.created_by
        ]
        return 200, {"associations": self._detailed(found), "next_cursor": None}


def _wrong_with_transfer(call: Call, body: dict[str, Any]) -> dict[Any, str]:
    wrong = {}
    if body.get("user_id", call.path_user) != call.path_user:
        wrong["user_id"] = "mismatch"
    if "to_user_id" not in body:
        wrong["to_user_id"] = "required"
    elif body["to_user_id"] == call.path_user and not wrong:
        wrong["to_user_id"] = "invalid"
    if "created_by" in body:
        wrong["created_by"] = "unknown"
    if body.get("all") not in (None, True, False) or (
        body.get("all") and any(name in body for name in PAIR)
    ):
        wrong["all"] = "invalid"
    elif not body.get("all"):
        wrong |= {name: "required" for name in PAIR if name not in body}
    return wrong
