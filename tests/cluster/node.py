"""One of the three machines: etcd, Patroni and the PostgreSQL that Patroni starts."""

import json
import signal
import subprocess
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.cluster import pids
from tests.cluster.place import PROGRAMS, Place, as_postgres
from tests.support.processes import launch
from tests.support.waiting import becomes

EVERYTHING = ("patroni", "postgres", "etcd")


class Node:
    def __init__(self, place: Place, name: str) -> None:
        self.name = name
        self._place = place
        self._directory = place.directory(name)

    def start(self) -> None:
        """What the machine does when it boots: start what doesn't run."""
        self._launch("etcd", "etcd")
        patroni = PROGRAMS / "patroni"
        self._launch("patroni", patroni, self._directory / "etc/patroni.yml")

    def _launch(self, name: str, *command: "str | Path") -> None:
        if self._process(name) is not None:
            return
        environ = self._place.environ(self.name)
        output = self._directory / f"{name}.log"
        process = launch(as_postgres(*command), environ, output, cwd=Path("/"))
        (self._directory / f"run/{name}.pid").write_text(f"{process.pid}\n")

    def _process(self, name: str) -> psutil.Process | None:
        file = "patroni/data/postmaster.pid" if name == "postgres" else f"run/{name}.pid"
        return pids.of(self._directory / file, name)

    def _processes(self, *names: str) -> list[psutil.Process]:
        """These programs with all that they started."""
        found = []
        for process in filter(None, map(self._process, names)):
            with suppress(psutil.Error):
                found += [process, *process.children(recursive=True)]
        return found

    def freeze(self, *names: str) -> None:
        """Stop these, as a machine that hangs stops everything; `thaw` goes on."""
        self._signal(signal.SIGSTOP, names or EVERYTHING)

    def thaw(self, *names: str) -> None:
        self._signal(signal.SIGCONT, names or EVERYTHING)

    def kill(self) -> None:
        """All of it is gone from one moment to the next."""
        self.freeze()
        self._end(*EVERYTHING)

    def _signal(self, number: signal.Signals, names: tuple[str, ...]) -> None:
        for process in self._processes(*names):
            with suppress(psutil.Error):
                process.send_signal(number)

    def stop(self) -> None:
        """End everything for good, in whatever state it is."""
        self._end("patroni")
        self._signal(signal.SIGCONT, ("postgres",))
        # At once, and unlike after a SIGKILL its shared memory is cleared.
        self._end("postgres", number=signal.SIGQUIT)
        self._end("postgres", "etcd")

    def _end(self, *names: str, number: signal.Signals = signal.SIGKILL) -> None:
        processes = self._processes(*names)
        self._signal(number, names)
        becomes(lambda: not any(map(pids.is_there, processes)), 10)

    def senders(self) -> list[psutil.Process]:
        """PostgreSQL's processes that send the log to a replica."""
        return [
            process
            for process in self._processes("postgres")
            if "walsender" in " ".join(process.cmdline())
        ]

    def view(self) -> list[dict[str, Any]]:
        """The members as this node's Patroni sees them; none when it doesn't answer."""
        address = f"{self._place.address(self.name)}:{self._place.port(8008)}"
        try:
            with urllib.request.urlopen(f"http://{address}/cluster", timeout=2) as answer:
                members: list[dict[str, Any]] = json.load(answer)["members"]
        except (OSError, ValueError):
            return []
        return members

    def etcd(self, path: str, **asked: str) -> dict[str, Any]:
        """Ask its etcd.

        Raises:
            OSError: it does not answer, or refuses.
        """
        address = f"{self._place.address(self.name)}:{self._place.port(2379)}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://{address}/v3/maintenance/{path}", json.dumps(asked).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=2) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def switch_over(self) -> None:
        """Hand the lead over, as docs/cluster.md has it, from this node's command line."""
        command: list[str | Path] = [
            PROGRAMS / "patronictl",
            "-c",
            self._directory / "etc/patroni.yml",
        ]
        done = subprocess.run(
            as_postgres(*command, "switchover", "--force"),
            env=self._place.environ(self.name),
            cwd="/",
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self) -> str:
        """The end of what Patroni and PostgreSQL said."""
        file = self._directory / "patroni.log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""
