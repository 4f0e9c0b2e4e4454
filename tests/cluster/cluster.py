"""All of it together, and what the scenarios ask of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.instance import HAProxy, Instance
from tests.cluster.node import Node
from tests.cluster.place import INSTANCES, NODES, Place
from tests.support import databases
from tests.support.waiting import eventually

WHOLE = ["leader", "quorum_standby", "quorum_standby"]
BROUGHT_UP = 90
"""Seconds until three nodes are one cluster, on a machine that does other things too."""


class Cluster:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.nodes = {name: Node(place, name) for name in NODES}
        self.instances = {name: Instance(place, name) for name in INSTANCES}
        self.haproxy = HAProxy(place)

    @property
    def port(self) -> int:
        """The one that clients know."""
        return self.place.public_port

    def start(self) -> None:
        for node in self.nodes.values():
            node.start()
        self.haproxy.start()
        self.wait_until_whole()
        one, *_ = self.instances.values()
        one.flask("db", "upgrade")
        for instance in self.instances.values():
            instance.start()

    def stop(self) -> None:
        for instance in self.instances.values():
            instance.stop()
        self.haproxy.stop()
        for node in self.nodes.values():
            node.stop()

    def members(self) -> list[dict[str, Any]]:
        """As the first node that answers sees them."""
        return next(filter(None, (node.view() for node in self.nodes.values())), [])

    def is_whole(self) -> bool:
        """Whether there is one primary, and both others follow it and count."""
        views = [node.view() for node in self.nodes.values()]
        return (
            all(_is_whole(view) for view in views) and len({_leader(view) for view in views}) == 1
        )

    def wait_until_whole(self, seconds: float = BROUGHT_UP) -> None:
        def why() -> str:
            logs = "".join(f"\n{name}:\n{node.log()}" for name, node in self.nodes.items())
            return f"not whole after {seconds} s: {self.members()}{logs}"

        eventually(self.is_whole, seconds, why)

    def primary(self, *, but: str = "") -> Node | None:
        """Who leads, by the view of the nodes other than this one."""
        for name, node in self.nodes.items():
            if name != but and (leader := _leader(node.view())) not in ("", but):
                return self.nodes[leader]
        return None

    def replicas(self) -> list[Node]:
        return [node for node in self.nodes.values() if node is not self.primary()]

    def ask(self, node: Node, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in the service's database, as the superuser, on this node."""
        with closing(databases.postgresql(self.place.superuser_url(node.name))) as connection:
            connection.autocommit = True
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


def _leader(view: list[dict[str, Any]]) -> str:
    return next((str(member["name"]) for member in view if member["role"] == "leader"), "")


def _is_whole(view: list[dict[str, Any]]) -> bool:
    states = {member["state"] for member in view if member["role"] != "leader"}
    return sorted(member["role"] for member in view) == WHOLE and states == {"streaming"}


@contextmanager
def running() -> Iterator[Cluster]:
    """Bring it up, and end all of it when the block is left."""
    prefix = Path(tempfile.mkdtemp(prefix="social-cluster-"))
    cluster = Cluster(Place(prefix))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(prefix, ignore_errors=True)
