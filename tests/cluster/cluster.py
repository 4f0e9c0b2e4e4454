"""All of it together, and what the scenarios ask of it."""

import http.client
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.cluster import release
from tests.cluster.instance import HAProxy, Instance
from tests.cluster.node import Node
from tests.cluster.place import INSTANCES, NODES, Place
from tests.support import databases
from tests.support.factories import PATH, as_admin
from tests.support.processes import ROOT
from tests.support.waiting import eventually

USER = 4_000_000_000
"""Whose list the readers read; no writer has it."""
EXT_ID = "public"
BROUGHT_UP = 90
"""Seconds until three nodes are one cluster, on a machine that does other things too."""


class Cluster:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.nodes = {name: Node(place, name) for name in NODES}
        self.instances = {name: Instance(place, name) for name in INSTANCES}
        self.haproxy = HAProxy(place, "haproxy")
        self.balancer = HAProxy(place, "balancer")
        self.is_synchronous = True
        """Whether the replicas are to count, for a commit."""
        self.is_old = False
        """The instances are of the release before."""

    @property
    def port(self) -> int:
        """The one that clients know."""
        return self.place.public_port

    def start(self, tree: Path = ROOT) -> None:
        """With the release in this tree."""
        self.is_old = tree != ROOT
        for node in self.nodes.values():
            node.start()
        self.haproxy.start()
        self.balancer.start()
        self.wait_until_whole()
        one, *_ = self.instances.values()
        one.flask("db", "upgrade", tree=tree)
        for instance in self.instances.values():
            instance.start(tree=tree)
        self.publish()

    def stop(self) -> None:
        for instance in self.instances.values():
            instance.stop()
        self.balancer.stop()
        self.haproxy.stop()
        for node in self.nodes.values():
            node.stop()

    def members(self) -> list[dict[str, Any]]:
        """As the first node that answers sees them."""
        return next(filter(None, (node.view() for node in self.nodes.values())), [])

    def is_whole(self) -> bool:
        """Whether there is one primary, and both others follow it and count."""
        views = [node.view() for node in self.nodes.values()]
        follower = "quorum_standby" if self.is_synchronous else "replica"
        is_one = len({_leader(view) for view in views}) == 1
        return is_one and all(_is_whole(view, follower) for view in views)

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

    def superuser_url(self) -> str:
        """Of the service's database, on the primary."""
        primary = self.primary()
        assert primary is not None, "there is no primary"
        return self.place.superuser_url(primary.name)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in the service's database, as the superuser, on the primary."""
        with closing(databases.postgresql(self.superuser_url())) as connection:
            connection.autocommit = True
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def connections(self, role: str) -> int:
        """How many it has on the primary."""
        query = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'"
        ((count,),) = self.ask(query)
        return int(count)

    def publish(self) -> None:
        """Make the list that the readers read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = {"user_id": USER, "provider": "public", "ext_id": EXT_ID, "show_in_profile": True}
        headers = {"Content-Type": "application/json"} | as_admin()
        with closing(connection):
            connection.request("POST", PATH, json.dumps(body), headers)
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()

    def empty(self) -> None:
        """Make the database as it was before the first scenario."""
        self.ask("TRUNCATE social_association, social_event")
        self.ask("UPDATE social_event_counter SET last_id = 0, pruned_id = 0")
        self.publish()


def _leader(view: list[dict[str, Any]]) -> str:
    return next((str(member["name"]) for member in view if member["role"] == "leader"), "")


def _is_whole(view: list[dict[str, Any]], follower: str) -> bool:
    found = sorted((member["role"], member["state"]) for member in view)
    return found == [("leader", "running"), *[(follower, "streaming")] * (len(NODES) - 1)]


@contextmanager
def running(*, old: bool = False) -> Iterator[Cluster]:
    """Bring it up, and end all of it when the block is left.

    Args:
        old: with the release before, where there is one.
    """
    with tempfile.TemporaryDirectory(prefix="social-cluster-") as prefix:
        cluster = Cluster(Place(Path(prefix)))
        try:
            tree = release.unpack(Path(prefix) / "release") if old else None
            cluster.start(tree or ROOT)
            yield cluster
        finally:
            cluster.stop()
