"""What the machine has and what processes cost, read from /proc."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# The first is for the load and the database, the last for the worker.
CORES = sorted(os.sched_getaffinity(0))

PACKAGES = (
    *("Flask", "flask-smorest", "marshmallow", "Flask-SQLAlchemy", "SQLAlchemy", "psycopg"),
    *("Flask-JWT-Extended", "PyJWT", "gunicorn", "fastapi", "pydantic", "starlette", "uvicorn"),
    *("uvloop", "httptools", "asyncpg", "Django", "djangorestframework"),
)


def demand(*modules: str) -> None:
    """Raises: SystemExit, a sentence, when the machine lacks what a run needs."""
    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        raise SystemExit(
            f"The benchmark needs {', '.join(missing)}: `pip install -e '.[bench]'` brings them."
        )
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"The benchmark needs {tool}; on Debian, `apt-get install {package}` brings it."
            )
    if len(CORES) < 2:
        raise SystemExit("The benchmark needs two cores: one for the worker, one for its load.")


def file_system(directory: Path) -> str:
    """The type of file system that holds `directory`, such as ext4."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    holding = [m for m in mounts if directory.is_relative_to(m[1].replace("\\040", " "))]
    return max(holding, key=lambda m: len(m[1]))[2]


def description() -> str:
    """The processor, cores, kernel and Python in one line."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    return (
        f"{model}, {len(CORES)} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def versions() -> dict[str, str]:
    """Installed version by package; wrk's own word for its version."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return found | {"wrk": said.split()[1]}


def children(pid: int) -> list[int]:
    try:
        lists = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except FileNotFoundError:
        return []
    return [int(child) for found in lists for child in found.split()]


def cpu_seconds(pid: int, *, reaped: bool = False) -> float:
    """CPU seconds of a process so far, with `reaped` those of its ended children too."""
    # The name in parentheses may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if reaped else 13])) / TICKS


def tree_cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and all that it started, running or ended."""
    total = cpu_seconds(pid, reaped=True)
    for child in children(pid):
        try:
            total += tree_cpu_seconds(child)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def core_busy_seconds(core: int) -> float:
    """Seconds that a core has not been idle, whoever kept it busy; a hypervisor counts too."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *times = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, times[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS
    raise SystemExit(f"/proc/stat says nothing of core {core}.")


def pss_mib(pid: int) -> float:
    """Proportional set size: pages shared by n processes count 1/n in each."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"The kernel keeps no smaps_rollup for process {pid}.")
