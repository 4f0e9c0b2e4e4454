"""What the machine allows: processors and open files. gunicorn's settings follow it."""

import math
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_OWN_CONTROL_GROUPS = Path("/proc/self/cgroup")

# gunicorn's default.
MOST_CONNECTIONS = 1000
# A process' own files, and a thread's: the database's (three with SQLite), and those that gunicorn
# and SQLite open for a moment.
_FILES, _FILES_A_THREAD = 64, 8


def connections(threads: int) -> int:
    """How many connections a worker with so many threads can hold open, of clients; may be < 1."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, limit - _FILES - _FILES_A_THREAD * threads)


def processors() -> int:
    """How many processors this process may use, by its affinity and its control groups; 1 or more.

    A part of one counts as one.
    """
    # macOS has no affinity.
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min([own, *_quotas()])))


def _quotas() -> Iterator[float]:
    """The limits of the groups that this process is in, of both versions of control groups."""
    lines: list[str] = []
    with suppress(OSError):
        lines = _OWN_CONTROL_GROUPS.read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, files = _CONTROL_GROUPS, ["cpu.max"]
        elif "cpu" in controllers.split(","):
            root, files = _CONTROL_GROUPS / "cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        group = root / path.lstrip("/")
        # The groups around it limit it too. A container may see only its own, as the root.
        for place in {group, *group.parents, root}:
            if place.is_relative_to(root):
                with suppress(OSError, ValueError):  # not there, or "max"
                    quota, period = " ".join((place / f).read_text() for f in files).split()
                    if int(quota) > 0:
                        yield int(quota) / int(period)
