#!/usr/bin/env bash
# mirror.sh ROOT PACKAGE...: a blank node of the lab reaches no mirror. Puts these packages, and all
# that they need, where its own apt finds them. Run by mmdebstrap, whose apt reaches the host's.
set -euo pipefail

root=$1
shift
export APT_CONFIG=${MMDEBSTRAP_APT_CONFIG:?run by a hook of mmdebstrap}
apt-get -qq -y --no-install-recommends --download-only install "$@"
install -d "$root/srv/mirror"
mv "$root"/var/cache/apt/archives/*.deb "$root/srv/mirror/"
cd "$root/srv/mirror"
dpkg-scanpackages --multiversion . >Packages 2>/dev/null
rm -f "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/mirror ./' >"$root/etc/apt/sources.list"
