"""Run mutmut, try again what it can't see, and print what survived: see docs/mutants.md.

.venv/bin/python -m tests.mutants [--again]     --again: only the second part
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LINE = re.compile(r"\s*(service\.([\w.]+)\.x\S+): ([a-z ]+)")
WANTED = 0.9
KILLED = ("killed", "timeout")  # a request without end is noticed
# These meet what runs at import and when an application is made.
FRESH = (
    "tests/unit/test_tokens.py",
    "tests/unit/test_access.py",
    "tests/api/test_tokens.py",
    "tests/unit/test_cli.py",
    "tests/unit/test_fields.py",
    "tests/api/test_documents.py",
    "tests/api/test_documents_truth.py",
    "tests/api/test_authorization.py",
)


def results() -> Iterator[tuple[str, str, str]]:
    """Each mutant's name, module and fate as mutmut reports it."""
    listed = subprocess.run(
        [BIN / "mutmut", "results", "--all", "true"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listed.stdout.splitlines():
        if found := LINE.fullmatch(line):
            yield found[1], found[2], found[3]


def dies_in_a_fresh_process(name: str) -> bool:
    """mutmut forks a process that has imported everything: not this one."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", "not postgresql", *FRESH],
        cwd=ROOT / "mutants",
        env=os.environ | {"MUTANT_UNDER_TEST": name},
        capture_output=True,
        check=False,
    )
    return done.returncode != 0


def main() -> int:
    if "--again" not in sys.argv[1:]:
        subprocess.run([BIN / "mutmut", "run"], cwd=ROOT, check=True)
    if dies_in_a_fresh_process("none"):
        sys.exit("The tests fail without a mutant: nothing follows from their failing with one.")
    fates = list(results())
    doubtful = [name for name, _, fate in fates if fate not in (*KILLED, "not checked")]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        dies = dict(zip(doubtful, pool.map(dies_in_a_fresh_process, doubtful), strict=True))
    mutants, killed = Counter[str](), Counter[str]()
    for name, module, fate in fates:
        if fate == "not checked":
            print(f"not checked: {name}")
        mutants[module] += 1
        killed[module] += fate in KILLED or dies.get(name, False)
    for name in doubtful:
        if not dies[name]:
            print(f"survived: {name}    (`mutmut show {name}` shows what was changed)")
    for module in sorted(mutants):
        print(f"{module:<20} {killed[module]:>3} of {mutants[module]:>3} killed")
    share = killed.total() / mutants.total()
    print(f"together {killed.total()} of {mutants.total()}, {share:.1%}; wanted {WANTED:.0%}")
    return share < WANTED


if __name__ == "__main__":
    sys.exit(main())
