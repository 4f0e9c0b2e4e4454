#!/bin/sh
# `make run`: a secret, the migrations, the server, and a line to paste.
set -eu
umask 077
mkdir -p instance

if [ -z "${JWT_SECRET_KEY:-}${JWT_SECRET_KEY_FILE:-}" ]; then
    [ -s instance/jwt-secret ] ||
        .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(48))' >instance/jwt-secret
    export JWT_SECRET_KEY_FILE=instance/jwt-secret
fi
LOG_LEVEL=WARNING .venv/bin/flask db upgrade
token=$(.venv/bin/flask tokens mint 7 --lifetime "${JWT_MAX_LIFETIME:-86400}")

host=${HOST:-127.0.0.1}
case $host in 0.0.0.0 | ::) host=127.0.0.1 ;; *:*) host="[$host]" ;; esac
address=http://$host:${PORT:-8000}

server=$$
(
    # As soon as the server answers; no proxy of the environment is asked.
    until .venv/bin/python -c "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('$address/healthz', timeout=1)" 2>/dev/null; do
        kill -0 $server 2>/dev/null || exit 0
        sleep 0.2
    done
    cat <<LINES

The service is running. Its documentation: $address/api/v2/docs
Try it:

curl -i $address/api/v2/user/provider/ -H 'Authorization: Bearer $token' -H 'Content-Type: application/json' -d '{"user_id": 7, "provider": "facebook", "ext_id": "fb-1024"}'

LINES
) &
exec .venv/bin/gunicorn wsgi:app
