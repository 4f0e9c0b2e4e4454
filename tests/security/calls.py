"""Who calls, and the calls that are tried: good ones mostly, and odd ones."""

from itertools import product
from typing import Any

from hypothesis import strategies as st

from tests.security.reference import Call, Caller

ANONYMOUS = Caller("anonymous", None)
CALLERS = [
    ANONYMOUS,
    Caller("user 7", 7),
    Caller("user 8", 8),
    Caller("admin", 1, has_admin_role=True),
    Caller("forger", 7, is_forged=True),
]

some_caller = st.sampled_from(CALLERS[1:4] * 3 + CALLERS)
some_admin = st.sampled_from([CALLERS[3]] * 4 + CALLERS)
some_user = st.sampled_from([7, 8, 7, 8, 1, 9])
some_provider = st.sampled_from(["facebook", "google", "external"])
some_ext_id = st.sampled_from(["a", "b", "B"])
some_detail: dict[str, st.SearchStrategy[Any]] = {
    "profile_url": st.sampled_from([None, "https://a.example/", "http://b.example/?x=1"]),
    "show_in_profile": st.booleans(),
    "metadata": st.sampled_from([None, {}, {"n": 1}, {"n": 1.0}, {"n": True}, {"l": [{}]}]),
}
some_pairs = st.permutations(list(product(["facebook", "google", "external"], ["a", "b", "B"])))
ODDITIES = [{"show_in_profile": None}, {"show_in_profile": "true"}, {"created_by": 8}]
ODDITIES += [{"provider": "External"}, {"ext_id": " a"}]


@st.composite
def path_and_named(draw: st.DrawFn) -> tuple[int | None, dict[str, Any]]:
    """Where the user is named: in the path, in the fields, in both, or wrongly."""
    user_id = draw(some_user)
    way = draw(st.sampled_from(["path", "fields", "path", "fields", "both", "neither", "clash"]))
    named = {
        "path": (user_id, {}),
        "fields": (None, {"user_id": user_id}),
        "both": (user_id, {"user_id": user_id}),
        "neither": (None, {}),
        "clash": (user_id, {"user_id": 15 - user_id}),
    }
    return named[way]


@st.composite
def write(draw: st.DrawFn, method: str) -> Call:
    path_user, fields = draw(path_and_named())
    fields |= {"provider": draw(some_provider), "ext_id": draw(some_ext_id)}
    is_external = fields["provider"] == "external"
    for name, values in some_detail.items():
        chances = 1 if (name == "metadata") != is_external else 3
        if draw(st.integers(0, 5)) < chances:
            fields[name] = draw(values)
    if draw(st.integers(0, 9)) == 0:
        fields |= draw(st.sampled_from(ODDITIES))
    return Call(method, path_user, fields)


@st.composite
def removal(draw: st.DrawFn) -> Call:
    call = draw(write("DELETE"))
    assert call.body is not None
    if draw(st.booleans()):
        return call
    named = ("user_id", "provider", "ext_id")
    return Call("DELETE", call.path_user, query={n: call.body[n] for n in named if n in call.body})


@st.composite
def question(draw: st.DrawFn) -> Call:
    kinds = ["path", "query", "query", "own", "pair", "pair", "half", "mixed", "path and query"]
    kind = draw(st.sampled_from(kinds))
    user_id = {"user_id": draw(some_user)}
    provider, ext_id = {"provider": draw(some_provider)}, {"ext_id": draw(some_ext_id)}
    if kind.startswith("path"):
        return Call("GET", user_id["user_id"], query=user_id if kind != "path" else {})
    queries: dict[str, dict[str, Any]] = {
        "query": user_id,
        "own": {},
        "pair": provider | ext_id,
        "half": draw(st.sampled_from([provider, ext_id])),
        "mixed": provider | ext_id | user_id,
    }
    return Call("GET", query=queries[kind])


@st.composite
def transfer(draw: st.DrawFn) -> Call:
    pair = {"provider": draw(some_provider), "ext_id": draw(some_ext_id)}
    bodies: list[dict[str, Any]] = [pair, {"all": True}] * 4
    bodies += [pair | {"all": False}, pair | {"all": True}, {"all": False}, {"all": "true"}, {}]
    bodies += [{"provider": "google"}, {"ext_id": "a", "all": True}]
    body = draw(st.sampled_from(bodies)) | {"to_user_id": draw(some_user)}
    odd = draw(st.integers(0, 19))
    if odd == 0:
        del body["to_user_id"]
    elif odd < 4:
        body = body | {1: {"created_by": 8}, 2: {"user_id": 7}, 3: {"user_id": 8}}[odd]
    return Call("POST", draw(some_user), body, action="transfer")


@st.composite
def erasure(draw: st.DrawFn) -> Call:
    # Seldom somebody who has much: else nobody ever has as many as the cap allows.
    return Call("DELETE", draw(st.sampled_from([1, 9] * 8 + [7, 8])), action="all")


@st.composite
def look_up(draw: st.DrawFn) -> Call:
    provider = {"provider": draw(some_provider)}
    ext_ids = {"ext_ids": draw(st.lists(some_ext_id, min_size=1, max_size=4))}
    user_ids = {"user_ids": draw(st.lists(some_user, min_size=1, max_size=4))}
    good: list[dict[str, Any]] = [provider | ext_ids, user_ids] * 3
    return Call(
        "POST",
        action="lookup",
        body=draw(st.sampled_from([*good, provider, ext_ids, provider | user_ids, {}])),
    )


@st.composite
def search(draw: st.DrawFn) -> Call:
    query: dict[str, Any] = {"limit": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        query["provider"] = draw(some_provider)
    if draw(st.booleans()):
        query["created_by"] = draw(some_user)
    return Call("GET", query=query, action="search")
