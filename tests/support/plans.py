"""How a database would run the service's statements."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.support.databases import Plain, watching


def plans_of(explain: str, act: Callable[[], Any], setting: str = "") -> list[list[Any]]:
    """The plan of every statement that `act` runs, as rows."""
    plans = []

    def note(plain: Plain, statement: str, parameters: Any) -> None:
        if statement in ("BEGIN", "COMMIT"):
            return
        if setting:
            plain(setting)
        plans.append(plain(f"{explain} {statement}", parameters))

    with watching(note):
        act()
    assert plans
    return plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan of PostgreSQL's in JSON."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)
