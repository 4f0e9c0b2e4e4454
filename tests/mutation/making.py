"""Make the mutants, with mutmut."""

import shutil
from pathlib import Path
from typing import Any

import libcst as cst
import mutmut.__main__ as mutmut


class _Undecorated(cst.CSTTransformer):
    """`f = d(f)` in place of `@d`: mutmut leaves alone what is decorated."""

    def leave_FunctionDef(self, original_node: Any, updated_node: Any) -> Any:
        value = updated_node.name
        for each in reversed(updated_node.decorators):
            value = cst.Call(each.decorator, [cst.Arg(value)])
        if value is updated_node.name:
            return updated_node
        line = cst.Assign([cst.AssignTarget(updated_node.name)], value)
        return cst.FlattenSentinel(
            [updated_node.with_changes(decorators=[]), cst.SimpleStatementLine([line])]
        )


def make() -> dict[str, str]:
    """Make those of the working directory's code, in `mutants/`.

    Returns: all their names, each with the hash of its function.
    """
    of_source = mutmut.mutate_file_contents

    def of_undecorated(name: str, source: str, *rest: Any) -> Any:
        return of_source(name, cst.parse_module(source).visit(_Undecorated()).code, *rest)

    mutmut.mutate_file_contents = of_undecorated
    Path("mutants").mkdir(exist_ok=True)
    for place in ("service", "tests"):
        shutil.rmtree(Path("mutants", place), ignore_errors=True)  # files may be gone
    with mutmut.CatchOutput():
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.create_mutants(1)
    mutants = {}
    for path in mutmut.walk_mutatable_files():
        data = mutmut.SourceFileMutationData(path=path)
        data.load()
        for name in data.exit_code_by_key:
            function = name.rpartition(".")[2].rpartition("__mutmut_")[0]
            mutants[name] = data.hash_by_function_name[function]
    return mutants
