#!/bin/sh
# The files of deploy/cluster/ at work: three nodes and two instances of the service, all below a
# temporary directory. Installs the Debian packages it needs.
set -eu
cd "$(dirname "$0")/.."

scripts/install.sh etcd:etcd-server haproxy:haproxy postgres:postgresql setpriv:util-linux
exec .venv/bin/python -m tests.cluster "$@"
