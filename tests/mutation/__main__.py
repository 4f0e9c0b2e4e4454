"""Change the code here and there and see whether the tests notice: see docs/mutants.md.

.venv/bin/python -m tests.mutation [--processes N] ['service.store.transfers*' ...]

What was killed before, and has not been changed since, is not tried again.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

from tests.mutation.choosing import Met, module_of
from tests.mutation.making import make

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "mutants"
FATES = MUTANTS / "fates.tsv"
WANTED = 0.9
NOT_KILLED = ("survived", "unmet")
# Chosen by what is in a test's name. What survives in the store on SQLite meets PostgreSQL too.
KINDS = {"sqlite": "not postgresql", "postgresql": "postgresql"}
QUICK = 5
# Seconds of tests: what few leave alive meets more.
STEPS = (("sqlite", QUICK), ("sqlite", 30), ("postgresql", 30))
AFRESH = 60
# These start servers and commands, which is slow, and their claims are about those.
SLOW = (
    "bringing",
    "command_files",
    "database_faults",
    "lingering",
    "logs_secrets",
    "makefile",
    "metrics",
    "migrations",
    "moving",
    "recipes",
    "replica",
    "settings_documented",
    "standard_error",
    "whole_tree",
)
TESTS = (
    "tests/unit",
    "tests/api",
    "tests/security",
    "--ignore=tests/security/test_model.py",  # a long walk, another one each time
    *(f"--ignore=tests/unit/test_{name}.py" for name in SLOW),
)


@contextmanager
def pytest(mutant: str, kind: str, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run tests on one kind of database; they end with the block."""
    # mutmut's own work is in the time that `costs_nothing` measures.
    chosen = f"{KINDS[kind]} and not costs_nothing"
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *arguments],
        cwd=MUTANTS,
        env=os.environ | {"MUTANT_UNDER_TEST": mutant, "PYTHONPATH": str(MUTANTS)},
        stdout=subprocess.DEVNULL if mutant not in ("none", "stats") else None,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def wait_for(process: subprocess.Popen[bytes]) -> None:
    if process.wait():
        sys.exit("The tests fail without a mutant.")


def met_on(kind: str) -> Path:
    """Which functions each test meets; made anew when the code or a test is newer."""
    file = MUTANTS / f"met-{kind}.json"
    sources = [path for place in ("service", "tests") for path in (ROOT / place).rglob("*.py")]
    newest = max(path.stat().st_mtime for path in sources)
    if not file.exists() or file.stat().st_mtime < newest:
        plugin = ("-p", "tests.mutation.meeting", "--meet", file)
        with pytest("stats", kind, *plugin, *TESTS) as process:
            wait_for(process)
    return file


def fates() -> dict[str, list[str]]:
    """By name: hash, fate, killer, seconds."""
    lines = FATES.read_text().splitlines() if FATES.exists() else []
    return {name: rest for name, *rest in (line.split("\t") for line in lines)}


def is_killed(hashed: str, fate: list[str] | None) -> bool:
    return fate is not None and fate[0] == hashed and fate[1] not in NOT_KILLED


def try_in_forks(
    mutants: Iterable[tuple[str, str]], kind: str, enough: int, processes: int
) -> None:
    lines = ["\t".join(mutant) for mutant in mutants]
    parts = [part for n in range(processes) if (part := lines[n::processes])]
    files = [MUTANTS / f"part{n}.tsv" for n in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        file.write_text("\n".join(part))
    plugin = ("-p", "tests.mutation.trying", f"--enough={enough}", "--try", met_on(kind))
    with ExitStack() as stack:
        for process in [
            stack.enter_context(
                pytest("none", kind, *plugin, file, FATES, "tests/mutation/trying.py", *TESTS)
            )
            for file in files
        ]:
            wait_for(process)


def try_afresh(name: str, hashed: str, met: Met) -> None:
    """In a process of its own; what is chosen by SQLite's tests is run on SQLite."""
    chosen = MUTANTS / f"{name}.json"
    chosen.write_text(json.dumps(met.choose(name.rpartition("__mutmut_")[0], AFRESH)))
    plugin = ("-p", "tests.mutation.choosing", "--chosen", chosen)
    with pytest(name, "sqlite", "-x", *plugin, *TESTS) as process:
        if process.wait():
            with FATES.open("a") as written:
                print(name, hashed, "killed", "in a process of its own", 0, sep="\t", file=written)
    chosen.unlink()


def report(mutants: dict[str, str]) -> float:
    """Print what survived and the figures of each module; the share that was killed."""
    known, of_module, killed = fates(), Counter[str](), Counter[str]()
    for name, hashed in mutants.items():
        module = module_of(name)
        of_module[module] += 1
        if is_killed(hashed, known.get(name)):
            killed[module] += 1
        else:
            print(f"survived: {name}    (`mutmut show {name}` shows what was changed)")
    for module in sorted(of_module):
        print(f"{module:<30} {killed[module]:>3} of {of_module[module]:>3} killed")
    share = killed.total() / of_module.total()
    print(f"together {killed.total()} of {of_module.total()}, {share:.1%}; wanted {WANTED:.0%}")
    return share


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("names", nargs="*", default=["*"])
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and what was started ends, too
    os.chdir(ROOT)
    mutants = {
        name: hashed
        for name, hashed in make().items()
        if any(fnmatch(name, pattern) for pattern in asked.names)
    }

    def left(kind: str = "sqlite", enough: int = 0) -> list[tuple[str, str]]:
        known = fates()
        return [
            (name, hashed)
            for name, hashed in mutants.items()
            if not is_killed(hashed, known.get(name))
            and not (enough == QUICK and name in known and known[name][0] == hashed)
            and (kind == "sqlite" or name.startswith("service.store."))
        ]

    for kind, enough in STEPS:
        try_in_forks(left(kind, enough), kind, enough, asked.processes)
    met = Met(met_on("sqlite"))
    at_import = [one for one in left() if one[0].rpartition("__mutmut_")[0] in met.at_import]
    with ThreadPoolExecutor(asked.processes) as pool:
        list(pool.map(lambda mutant: try_afresh(*mutant, met), at_import))
    return report(mutants) < WANTED


if __name__ == "__main__":
    sys.exit(main())
