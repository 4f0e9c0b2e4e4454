#!/bin/sh
# Install Debian packages whose commands are missing: install.sh COMMAND:PACKAGE...
set -eu
PATH=$PATH:/usr/sbin
missing=
for pair; do
    command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "This needs:$missing; on Debian, as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
# Debian starts the services of what it installs; here only the commands are wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # several words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
