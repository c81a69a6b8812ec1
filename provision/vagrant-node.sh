#!/usr/bin/env bash
# One virtual machine of Vagrant's: packages, names, node.sh, the agent. Arguments: NAME=ADDRESS of
# every node. POSTGRESQL: its version, that of the box's Debian.
set -euo pipefail

source=/vagrant
: "${HACLUSTER_PASSWORD:?set it in the environment of vagrant}"
packages=$(cat "$source/provision/packages.txt")

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # words
apt-get install -y -q --no-install-recommends $packages "postgresql-${POSTGRESQL:-15}"

sed -i '/ # paf-haproxy$/d; /^127\.0\.1\.1 /d' /etc/hosts
for pair in "$@"; do
    echo "${pair#*=} ${pair%%=*} # paf-haproxy" >>/etc/hosts
done

bash "$source/provision/node.sh"
bash "$source/provision/install-agent.sh" "$source"
echo "hacluster:$HACLUSTER_PASSWORD" | chpasswd
systemctl restart pcsd
install -m 600 /dev/null /root/paf-haproxy.env
for key in HACLUSTER_PASSWORD REPLICATOR_PASSWORD APP_PASSWORD; do
    printf 'export %s=%q\n' "$key" "${!key}" >>/root/paf-haproxy.env
done
