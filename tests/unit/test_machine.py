"""How many workers and connections fit the machine."""

import os
import re
import resource
from pathlib import Path

import pytest

from service import config
from service.web import machine

OWN = {
    "version 2": ("0::/a/b\n", "a/b/cpu.max", "{quota} 100000\n"),
    "version 2, in a container": ("0::/\n", "cpu.max", "{quota} 100000\n"),
    "version 2, the group around it": ("0::/a/b\n", "a/cpu.max", "{quota} 100000\n"),
    "version 1": ("4:memory:/x\n3:cpu,cpuacct:/a\n", "cpu/a/cpu.cfs_quota_us", "{quota}\n"),
    "version 1, in a container": ("3:cpuacct,cpu:/d/1\n", "cpu/cpu.cfs_quota_us", "{quota}\n"),
}


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of control groups, of a machine with eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "_CONTROL_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_OWN_CONTROL_GROUPS", tmp_path / "own")
    return tmp_path / "cgroup"


def limit(groups: Path, own: str, file: str, text: str) -> None:
    (groups.parent / "own").write_text(own)
    (groups / file).parent.mkdir(parents=True)
    (groups / file).write_text(text)
    (groups / file).with_name("cpu.cfs_period_us").write_text("100000\n")


@pytest.mark.parametrize(
    ("quota", "processors"),
    [("50000", 1), ("100000", 1), ("150000", 2), ("400000", 4), ("1600000", 8)],
)
@pytest.mark.parametrize(("own", "file", "text"), OWN.values(), ids=OWN)
def test_a_control_groups_limit_counts(
    groups: Path, own: str, file: str, text: str, quota: str, processors: int
) -> None:
    limit(groups, own, file, text.format(quota=quota))
    assert machine.processors() == processors


@pytest.mark.parametrize(
    ("kind", "unlimited"), [("version 2", "max"), ("version 1", "-1"), ("version 2", "nonsense")]
)
def test_a_control_group_without_a_limit_leaves_the_affinity(
    groups: Path, kind: str, unlimited: str
) -> None:
    own, file, text = OWN[kind]
    limit(groups, own, file, text.format(quota=unlimited))
    assert machine.processors() == 8


def test_without_control_groups_the_affinity_counts(groups: Path) -> None:
    assert machine.processors() == 8


def test_without_an_affinity_all_processors_count(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert machine.processors() == 3


@pytest.mark.parametrize(
    ("files", "threads", "connections"),
    [
        (1024, 16, 832),
        (524_288, 16, 1000),
        (resource.RLIM_INFINITY, 16, 1000),
        (256, 4, 160),
        (128, 16, -64),
    ],
)
def test_a_worker_takes_as_many_connections_as_it_may_open_files_for(
    monkeypatch: pytest.MonkeyPatch, files: int, threads: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert machine.connections(threads) == connections


def test_the_unit_lets_a_worker_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = (config.ROOT / "deploy/social.service").read_text()
    (limit,) = re.findall("^LimitNOFILE=([0-9]+)$", unit, re.M)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (int(limit), int(limit)))
    assert machine.connections(threads=64) == machine.MOST_CONNECTIONS
