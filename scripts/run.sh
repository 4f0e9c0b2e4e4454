#!/bin/sh
# `make run`: a secret, the migrations, the server, and a line to paste.
set -eu
umask 077
host=${HOST:-127.0.0.1} port=${PORT:-8000}
case $host in 0.0.0.0 | ::) host=127.0.0.1 ;; esac
# Else what answers there would be taken for this service.
if .venv/bin/python -c 'import socket, sys; socket.create_connection(sys.argv[1:], 1)' "$host" "$port" 2>/dev/null; then
    echo "Something listens on port $port already; name another one: PORT=8001 make run" >&2
    exit 1
fi
case $host in *:*) host="[$host]" ;; esac
address=http://$host:$port

mkdir -p instance

if [ -z "${JWT_SECRET_KEY:-}${JWT_SECRET_KEY_FILE:-}" ]; then
    [ -s instance/jwt-secret ] ||
        .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(48))' >instance/jwt-secret
    export JWT_SECRET_KEY_FILE=instance/jwt-secret
fi
LOG_LEVEL=WARNING .venv/bin/flask db upgrade
token=$(.venv/bin/flask tokens mint 7 --lifetime "${JWT_MAX_LIFETIME:-86400}")

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
