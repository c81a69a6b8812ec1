#!/usr/bin/env bash
# What a node of the cluster needs beyond its packages. Run as root on the node, by the lab inside
# the image and by Vagrant on the virtual machine.
set -euo pipefail

# Pacemaker starts HAProxy and PostgreSQL; the distribution's units must not. PgBouncer starts when
# it is set up (pcs-scripts/45-pgbouncer.sh).
for unit in haproxy.service postgresql.service pgbouncer.service; do
    systemctl disable "$unit" 2>/dev/null || true
done
systemctl mask haproxy.service
for main in /etc/postgresql/*/main; do
    if [ -d "$main" ]; then pg_dropcluster --stop "$(basename "$(dirname "$main")")" main; fi
done
sed -i 's/^#\? *create_main_cluster.*/create_main_cluster = false/' \
    /etc/postgresql-common/createcluster.conf

# The socket directory belongs to PostgreSQL and is gone after a boot.
cat >/etc/tmpfiles.d/postgresql-paf.conf <<'CONF'
d /run/postgresql 2775 postgres postgres -
CONF

systemctl enable pcsd.service rsyslog.service
systemctl disable corosync.service pacemaker.service 2>/dev/null || true
# Debian's packages start a cluster of one, which pcs takes for one that must not be destroyed.
if grep -qs 'cluster_name: debian' /etc/corosync/corosync.conf; then
    systemctl stop pacemaker.service corosync.service 2>/dev/null || true
    rm -rf /etc/corosync/corosync.conf /var/lib/corosync/* /var/lib/pacemaker/cib/*
fi
