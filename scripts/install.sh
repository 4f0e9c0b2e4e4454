#!/bin/sh
# Install Debian packages whose commands are missing: install.sh COMMAND:PACKAGE...
set -eu
PATH=$PATH:/usr/sbin
# PostgreSQL's server is in nobody's PATH.
for programs in /usr/lib/postgresql/*/bin; do
    PATH=$PATH:$programs
done
missing=
for pair; do
    command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "This needs:$missing; on Debian, as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
# Debian starts the services of what it installs, and makes a database; here only the commands are
# wanted.
clusters=/etc/postgresql-common/createcluster.d
mkdir -p $clusters
echo "create_main_cluster = off" >$clusters/only-commands.conf
policy=/usr/sbin/policy-rc.d
trap 'rm -f $clusters/only-commands.conf $made' EXIT
made=
if [ ! -e $policy ]; then
    made=$policy
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # several words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
