#!/usr/bin/env bash
# What a node needs on top of node.sh when it is a container of the lab. Run inside the image.
set -euo pipefail

# Nothing may wake up in the middle of a drill, and nothing here scrubs or trims disks.
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-pstore.service
# A part of crmsh's cluster-glue that Corosync 2 and later do without.
systemctl mask --quiet logd.service

# Every line counts when a failover is looked into, and it survives the node's power-off.
install -d /etc/systemd/journald.conf.d /var/log/journal
cat >/etc/systemd/journald.conf.d/paf.conf <<'CONF'
[Journal]
Storage=persistent
SystemMaxUse=200M
RateLimitIntervalSec=0
RateLimitBurst=0
CONF

# Where systemd has units of its own, the scripts of SysV only make `pcs cluster enable` take twice
# as long.
rm -f /etc/init.d/{corosync,pacemaker,pcsd,pcsd-ruby,logd,haproxy,postgresql}

# sshd runs only where `lab inventory` wants it; its keys are made there.
systemctl disable --quiet ssh
rm -f /etc/ssh/ssh_host_*
