"""What happens to the cluster. Each says how long writes may be away."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import psycopg

from tests.chaos.report import Skipped
from tests.cluster.cluster import Cluster
from tests.cluster.node import Node
from tests.cluster.watch import Watch
from tests.support.waiting import eventually

LOST = 25.0
"""Seconds; Patroni's smallest `ttl` is 20."""
SWITCHED = 4.0
REPLICA_LOST = 1.0
LEASE_RENEWED = 4.0
"""A replica that finds etcd back, and the primary's lease run out, follows nobody until the primary
has one again: within `retry_timeout` and `loop_wait`."""
REPLACED = 1.0
NOT_READY = "not ready on a later schema"
FAILED_OVER = 60.0
"""Seconds after which a scenario gives up."""
SYNC_WAITS = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

Watching = Callable[..., AbstractContextManager[Watch]]


def _leading(cluster: Cluster) -> Node:
    return eventually(cluster.primary, 10)


def _failed_over(cluster: Cluster, watch: Watch, lost: Node) -> None:
    eventually(lambda: cluster.primary(but=lost.name), FAILED_OVER)
    watch.wait_until_written(FAILED_OVER)


def primary_killed(cluster: Cluster, watching: Watching) -> None:
    """The primary dies while its replicas are a second behind.

    Somebody ends what waits for them just before: what was not acknowledged is there to be seen,
    and must not be acknowledged to whoever asks once more.
    """
    with watching(write_gap=LOST) as watch:
        time.sleep(2)
        primary = _leading(cluster)
        for sender in primary.senders():
            sender.suspend()
        time.sleep(1)
        with suppress(psycopg.OperationalError):
            cluster.ask(f"SELECT pg_terminate_backend(pid) {SYNC_WAITS}")
        time.sleep(1)
        watch.fault()
        primary.kill()
        _failed_over(cluster, watch, primary)
        # The machine boots.
        primary.start()
        cluster.wait_until_whole()
        watch.wait_until_written(10)


def primary_frozen(cluster: Cluster, watching: Watching) -> None:
    """The primary's machine hangs, is replaced, and goes on where it was.

    Not its etcd: where that one leads, the time until it is replaced begins anew (docs/cluster.md).
    """
    with watching(write_gap=LOST) as watch:
        time.sleep(1)
        primary = _leading(cluster)
        watch.fault()
        primary.freeze("patroni", "postgres")
        _failed_over(cluster, watch, primary)
        primary.thaw()
        cluster.wait_until_whole()
        watch.wait_until_written(10)


def replicas_frozen(cluster: Cluster, watching: Watching) -> None:
    """Both replicas hang: commits wait, until they use up the role's connections. Lists go on."""
    with watching(write_gap=FAILED_OVER) as watch:
        watch.wait_until_written(10)
        # So that it doesn't take minutes; create-roles.sh has 120.
        most = cluster.connections("social") + 10
        cluster.ask(f"ALTER ROLE social CONNECTION LIMIT {most}")
        replicas = cluster.replicas()
        watch.fault()
        for replica in replicas:
            replica.freeze("patroni", "postgres")
        eventually(lambda: cluster.connections("social") >= most, FAILED_OVER)
        time.sleep(8)  # the balancer has seen it by then
        for replica in replicas:
            replica.thaw()
        cluster.wait_until_whole()
        watch.wait_until_written(FAILED_OVER)
        cluster.ask("ALTER ROLE social CONNECTION LIMIT 120")


def switchovers(cluster: Cluster, watching: Watching) -> None:
    """The lead is handed over, and once more."""
    with watching(write_gap=SWITCHED) as watch:
        for _ in range(2):
            time.sleep(1)
            primary = _leading(cluster)
            primary.switch_over()
            watch.wait_until_written(FAILED_OVER)
            cluster.wait_until_whole()


def replica_killed(cluster: Cluster, watching: Watching) -> None:
    """One of the replicas that commits wait for dies, and comes back.

    Its etcd leads the others: without etcd Patroni's primary gives up, unless it reaches all.
    """
    with watching(write_gap=REPLICA_LOST) as watch:
        replica = cluster.replicas()[0]
        member = replica.etcd("status")["header"]["member_id"]
        for node in cluster.nodes.values():
            with suppress(OSError):  # only the one that leads can hand it over
                node.etcd("transfer-leadership", targetID=member)
        time.sleep(1)
        assert replica.etcd("status")["leader"] == member, "another etcd leads"
        replica.kill()
        watch.wait_until_written(10)
        time.sleep(3)
        replica.start()
        cluster.wait_until_whole()


def etcd_away(cluster: Cluster, watching: Watching) -> None:
    """All of etcd answers nothing for 20 s, as long as a lease lasts: some have run out then."""
    with watching(write_gap=LEASE_RENEWED) as watch:
        time.sleep(1)
        primary = _leading(cluster)
        for node in cluster.nodes.values():
            node.freeze("etcd")
        time.sleep(20)
        for node in cluster.nodes.values():
            node.thaw("etcd")
        cluster.wait_until_whole()
        watch.wait_until_written(10)
        assert _leading(cluster) is primary, "the lead changed"


def upgrade(cluster: Cluster, watching: Watching) -> None:
    """From 1.0.0: this release's migrations, then its instances, one by one. Nothing is refused.

    1.0.0 leaves /readyz when there are later migrations, and not before it stops: the balancer is
    asked to leave it alone.
    """
    if not cluster.is_old:
        raise Skipped("git doesn't have the commit of 1.0.0")
    with watching(write_gap=REPLACED, may_refuse=False, follows=False) as watch:
        watch.wait_until_written(10)
        first, *_ = instances = cluster.instances.values()
        first.flask("db", "upgrade")
        for instance in instances:
            watch.wait_until_written(10)
            cluster.balancer.drain(instance.name)
            instance.stop()
            instance.start()
            cluster.balancer.undrain(instance.name)
            cluster.balancer.wait_until_ready(instance.name)
        watch.wait_until_written(10)
        cluster.is_old = False


def rolling_restart(cluster: Cluster, watching: Watching) -> None:
    """A later release's migrations, then instances replaced one by one. Nothing is refused."""
    with watching(write_gap=REPLACED, may_refuse=False) as watch:
        watch.wait_until_written(10)
        # Migrations only add: this stands for those of a release to come.
        cluster.ask("ALTER TABLE social_association ADD COLUMN IF NOT EXISTS added text")
        cluster.ask("UPDATE alembic_version SET version_num = '9999'")
        for instance in cluster.instances.values():
            watch.wait_until_written(10)
            ready = {each.status("/readyz") for each in cluster.instances.values()}
            watch.report.check(ready == {200}, NOT_READY, ready)
            instance.stop()
            instance.start()
            cluster.balancer.wait_until_ready(instance.name)
        watch.wait_until_written(10)
