#!/bin/sh
# Containerfile, compose.yaml and deploy/kubernetes.yaml: read by their linters; the image built,
# and run as strictly as it may be. Installs the Debian packages it needs.
# BASE names another base than one made of Debian packages; it is pulled, and so are Python's.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
    echo "This needs root: containers are made and run." >&2
    exit 1
fi
scripts/install.sh podman:podman runc:runc docker-compose:docker-compose nginx:nginx
if [ -z "${BASE:-}" ]; then
    scripts/install.sh apt-cache:apt
    /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || scripts/install.sh venv:python3-venv
fi
exec .venv/bin/python -m pytest -c setup.cfg tests/image "$@"
