#!/bin/sh
# The files of deploy/ at work: nginx, gunicorn and PostgreSQL below a temporary directory, and
# the tests against the public port. Installs the Debian packages it needs.
set -eu
cd "$(dirname "$0")/.."

scripts/install.sh nginx:nginx promtool:prometheus systemd-analyze:systemd openssl:openssl
exec .venv/bin/python -m pytest -c setup.cfg tests/deploy -m deploy "$@"
