#!/bin/sh
# The tar of a base image, made of Debian packages that this machine has, for where no container
# registry can be reached: debian-base.sh PACKAGE... | podman import - NAME
set -eu

# With all that they depend on.
packages=$(apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "$@" | grep '^[a-z0-9]' | sort --unique)

place=$(mktemp --directory)
trap 'rm -rf "$place"' EXIT
mkdir -m 755 "$place/root"
cd "$place/root"
mkdir -p etc run tmp usr/bin usr/lib usr/lib64 usr/sbin
chmod 1777 tmp
ln -s usr/bin usr/lib usr/lib64 usr/sbin .
cp /usr/share/base-passwd/passwd.master etc/passwd
cp /usr/share/base-passwd/group.master etc/group

# Files and links, but for what only people read. /bin and the like are links to /usr; the
# authorities' certificates were joined when their package was set up.
# shellcheck disable=SC2086 # several words
{
    dpkg-query --listfiles $packages | grep -vE '^/usr/share/(doc|info|lintian|locale|man)/'
    echo /etc/ssl/certs/ca-certificates.crt
} | sed -nE 's,^/(bin|lib|lib64|sbin)/,/usr/\1/,; s,^/,,p' | grep -vxE 'bin|lib|lib64|sbin' |
    sort --unique |
    while read -r file; do
        if [ -L "/$file" ] || [ -f "/$file" ]; then echo "$file"; fi
    done >"$place/files"
tar --create --owner=0 --group=0 . --directory=/ --files-from="$place/files"
