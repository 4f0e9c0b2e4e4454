"""For mutmut, which forks a process in which the tests have run already."""

import gc
import sys

from service.database.statements import Statement


def forget() -> None:
    """Let what is made once and kept (statements, cached answers) be made again, as changed."""
    for found in gc.get_objects():
        if isinstance(found, Statement):
            found._compiled.clear()
    for name, module in list(sys.modules.items()):
        if name.startswith("service"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
