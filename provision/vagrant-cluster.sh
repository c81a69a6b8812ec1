#!/usr/bin/env bash
# On the first node, once every node has its instance (the Vagrantfile calls it): what `lab up` does
# with its nodes. Where there is a cluster already it changes nothing.
set -euo pipefail

scripts=/vagrant/pcs-scripts
# shellcheck source=/dev/null
. /root/paf-haproxy.env
if cibadmin --query --xpath "//primitive[@id='haproxy']" >/dev/null 2>&1; then exit 0; fi
export CIB=/root/cluster.cib

bash "$scripts/40-postgresql.sh" stop
bash "$scripts/10-host-auth.sh"
bash "$scripts/20-cluster-setup.sh"
bash "$scripts/25-cluster-start.sh"
pcs cluster cib "$CIB"
cp "$CIB" "$CIB.before"
for script in 30-fencing 50-paf 60-haproxy 70-constraints 90-push; do
    bash "$scripts/$script.sh"
done
