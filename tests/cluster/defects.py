"""Defects that a scenario must find, planted for as long as it runs."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.cluster import Cluster
from tests.support.waiting import eventually


@contextmanager
def planted(cluster: Cluster, defect: str) -> Iterator[None]:
    """`asynchronous_replication`, one of `tests.chaos.wrapper`'s, or none."""
    if not defect:
        yield
    elif defect == "asynchronous_replication":
        _configure(cluster, synchronous_mode=False, synchronous_mode_strict=False)
        try:
            yield
        finally:
            _configure(cluster, synchronous_mode="quorum", synchronous_mode_strict=True)
    else:
        _replace(cluster, app="tests.chaos.wrapper:app", CHAOS_DEFECT=defect)
        try:
            yield
        finally:
            _replace(cluster)


def _configure(cluster: Cluster, **settings: object) -> None:
    """What `patronictl edit-config` does; waits until it counts."""
    primary = cluster.primary()
    assert primary is not None, "there is no primary"
    password = cluster.place.secret("PATRONI_RESTAPI_PASSWORD")
    credentials = base64.b64encode(f"patroni:{password}".encode()).decode()
    request = urllib.request.Request(
        f"http://{cluster.place.address(primary.name)}:{cluster.place.port(8008)}/config",
        json.dumps(settings).encode(),
        {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=5):
        pass
    cluster.is_synchronous = bool(settings["synchronous_mode"])
    cluster.wait_until_whole()
    eventually(
        lambda: bool(cluster.ask("SHOW synchronous_standby_names")[0][0]) == cluster.is_synchronous,
        10,
    )


def _replace(cluster: Cluster, app: str = "wsgi:app", **settings: Any) -> None:
    for instance in cluster.instances.values():
        instance.stop()
        instance.start(app=app, **settings)
        cluster.balancer.wait_until_ready(instance.name)
