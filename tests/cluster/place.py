"""The files of deploy/cluster/, laid out below a directory for addresses and ports of our own.

They are taken as they stand; only names, addresses, ports, paths and passwords are filled in, as
docs/cluster.md has an operator do it.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.stack import environment_file
from tests.support.processes import ROOT, free_port

DEPLOY = ROOT / "deploy/cluster"
NODES = ("db1", "db2", "db3")
INSTANCES = ("one", "two")
PROXIES = ("haproxy", "balancer")
"""Each on a machine of its own, and so each its own process."""
ON_EACH_NODE = ("cluster.env", "patroni.yml", "create-roles.sh")
"""What is the same on each node, but for the passwords."""
PORTS = (2379, 2380, 5432, 8008, 5000, 5001, 8000)
USER = "postgres"
PROGRAMS = Path(sys.executable).parent


def postgresql_programs() -> Path:
    """Where Debian keeps the newest PostgreSQL's."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return max(found, key=lambda file: float(file.parts[-3])).parent


def as_postgres(*command: str | Path) -> list[str]:
    """The command under the user that PostgreSQL runs under, which can't be root.

    That user may read this tree and Python wherever they are: a checkout in root's home, say.
    """
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return words
    user = ["--reuid", USER, "--regid", USER, "--clear-groups"]
    reads = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    return ["setpriv", *user, *reads, "--", *words]


def node_env(node: str, address: str, text: str) -> str:
    """What the very command of docs/cluster.md makes of node.env."""
    document = (ROOT / "docs/cluster.md").read_text()
    (command,) = re.findall(r"(?m)^sed (.*) node\.env >/etc/social-cluster/node\.env$", document)
    return subprocess.run(
        ["/bin/sh", "-euc", f"sed {command}"],
        env={"PATH": os.environ["PATH"], "node": node, "address": address},
        input=text,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


class Place:
    """Addresses, ports, passwords and directories of one cluster.

    Each node has an address of loopback's network as it would have a machine's, so that two
    clusters don't meet; the ports differ from the real ones, which a service of this machine may
    hold on every address.
    """

    def __init__(self, prefix: Path, *, public_port: int | None = None) -> None:
        self.prefix = prefix
        prefix.chmod(0o755)  # PostgreSQL runs as another user
        self._network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
        self._ports = {port: free_port() for port in PORTS}
        self._ports[8080] = self.public_port = public_port or free_port()
        text = (DEPLOY / "secrets.env.example").read_text()
        self._secrets = re.sub(
            r"(?m)^(\w+PASSWORD)=$", lambda m: m[0] + secrets.token_hex(24), text
        )
        for node in NODES:
            self._lay_out_node(node)
        for name in PROXIES:
            self.directory(name).mkdir()
            (self.directory(name) / "haproxy.cfg").write_text(self._filled_in(f"{name}.cfg", name))

    def directory(self, name: str) -> Path:
        """All of one node, of one instance, or of one HAProxy."""
        return self.prefix / name

    def address(self, name: str) -> str:
        """Of a node or an instance."""
        last = {"db1": 11, "db2": 12, "db3": 13, "one": 21, "two": 22}[name]
        return f"{self._network}.{last}"

    def port(self, usual: int) -> int:
        return self._ports[usual]

    def environ(self, node: str) -> dict[str, str]:
        """What systemd would give the node's services."""
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("cluster.env", "node.env", "secrets.env"):
            environ |= environment_file(self.directory(node) / "etc" / name)
        return environ

    def secret(self, name: str) -> str:
        return environment_file(self.directory(NODES[0]) / "etc/secrets.env")[name]

    def url(self, port: int, *, reads: bool = False) -> str:
        """The database behind HAProxy: 5000 the primary, 5001 a replica."""
        role, name = ("social_read", "SOCIAL_READ_") if reads else ("social", "SOCIAL_")
        password = self.secret(f"{name}PASSWORD")
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port(port)}/social"

    def superuser_url(self, node: str) -> str:
        password = self.secret("PATRONI_SUPERUSER_PASSWORD")
        return f"postgresql://postgres:{password}@{self.address(node)}:{self.port(5432)}/social"

    def _lay_out_node(self, node: str) -> None:
        directory = self.directory(node)
        for name in ("etc", "run", "etcd", "patroni"):
            (directory / name).mkdir(parents=True)
        for name in ON_EACH_NODE:
            (directory / "etc" / name).write_text(self._filled_in(name, node))
        text = node_env(node, f"10.0.0.1{node[-1]}", (DEPLOY / "node.env").read_text())
        (directory / "etc/node.env").write_text(self._moved(text, node))
        (directory / "etc/secrets.env").write_text(self._secrets)
        for path in (directory, *directory.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0:
                shutil.chown(path, USER, USER)

    def _filled_in(self, file: str, name: str) -> str:
        return self._moved((DEPLOY / file).read_text(), name)

    def _moved(self, text: str, name: str) -> str:
        text = re.sub(r"\b10\.0\.0\.(\d+)", rf"{self._network}.\1", text)
        usual_ports = "|".join(map(str, self._ports))
        pattern = rf"(?<=[: ])({usual_ports})\b"
        text = re.sub(pattern, lambda found: str(self._ports[int(found[1])]), text)
        # Here HAProxy runs under whoever runs the check.
        text = re.sub(r"(?m)^ +(?:user|group|chroot) .*\n", "", text)
        text = re.sub(r"/usr/lib/postgresql/\d+/bin", str(postgresql_programs()), text)
        for usual_path, own_path in {
            "/etc/social-cluster": "etc",
            "/run/patroni": "run",
            "/run/haproxy": "",
            "/var/lib/patroni": "patroni",
            "/var/lib/etcd/social": "etcd/social",
        }.items():
            text = text.replace(usual_path, str(self.directory(name) / own_path))
        return text
