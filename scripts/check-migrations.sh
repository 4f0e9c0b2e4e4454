#!/bin/sh
# The migrations build what the models say, can be undone, and take away nothing at once.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export DATABASE_URL="sqlite:///$place/check.db" JWT_SECRET_KEY=no-secret-but-thirty-two-bytes-long LOG_LEVEL=WARNING
.venv/bin/python scripts/check_additions.py migrations
.venv/bin/flask db upgrade
.venv/bin/flask db check
.venv/bin/flask db downgrade base
.venv/bin/flask db upgrade
