"""deploy/cluster/ at work: three nodes, HAProxy and two instances of the service, all here.

    .venv/bin/python -m tests.cluster              every scenario (`make cluster-check`)
    .venv/bin/python -m tests.cluster --planted    with defects that it must find
    .venv/bin/python -m tests.cluster up | down    leave it running, end it

Needs Debian's etcd, HAProxy and PostgreSQL; docs/cluster.md.
"""
