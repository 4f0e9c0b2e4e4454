"""What the application makes at first use and keeps, made anew: for `trying.py`."""

import gc
import sys
from functools import _lru_cache_wrapper, cache

from service.database.statements import Statement


@cache
def _kept() -> tuple[list[Statement], list[_lru_cache_wrapper]]:
    """There already, when it is first asked for: what is made later isn't kept by then."""
    values = [
        value
        for name, module in list(sys.modules.items())
        if name.startswith("service")
        for value in vars(module).values()
    ]
    return (
        [found for found in gc.get_objects() if isinstance(found, Statement)],
        [value for value in values if isinstance(value, _lru_cache_wrapper)],
    )


def forget() -> None:
    """Let statements and cached answers be made again, as changed."""
    statements, caches = _kept()
    for statement in statements:
        statement._compiled.clear()
    for each in caches:
        each.cache_clear()
