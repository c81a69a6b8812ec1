#!/usr/bin/env bash
# What `lab up` does with its nodes, once every machine has its instance; the Vagrantfile calls it:
#   vagrant-cluster.sh setup   on the first node
#   vagrant-cluster.sh node    on each
#   vagrant-cluster.sh start   on the first node
# Where there is a cluster already it changes nothing.
set -euo pipefail

scripts=/vagrant/pcs-scripts
# shellcheck source=/dev/null
. /root/paf-haproxy.env
case ${1:-} in
    setup)
        if [ -e /etc/corosync/corosync.conf ]; then exit 0; fi
        bash "$scripts/40-postgresql.sh" stop
        bash "$scripts/10-host-auth.sh"
        bash "$scripts/20-cluster-setup.sh"
        ;;
    node)
        bash "$scripts/22-first-start.sh"
        ;;
    start)
        if cibadmin --query --xpath "//primitive[@id='haproxy']" >/dev/null 2>&1; then exit 0; fi
        bash "$scripts/25-cluster-start.sh"
        export CIB=/root/cluster.cib
        pcs cluster cib "$CIB"
        cp "$CIB" "$CIB.before"
        for script in 30-fencing 50-paf 60-haproxy 70-constraints 90-push; do
            bash "$scripts/$script.sh"
        done
        ;;
    *)
        echo "vagrant-cluster.sh: setup, node or start, not '${1:-}'" >&2
        exit 2
        ;;
esac
