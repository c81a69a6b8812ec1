#!/usr/bin/env bash
# The names of Vagrant's machines, and where their logs go. Arguments: NAME=ADDRESS of each.
set -euo pipefail

sed -i '/ # paf-haproxy$/d; /^127\.0\.1\.1 /d' /etc/hosts
for pair in "$@"; do
    echo "${pair#*=} ${pair%%=*} # paf-haproxy" >>/etc/hosts
done
role=node
if [ "$(uname -n)" = log-sink ]; then role=sink; fi
install -m 644 "/vagrant/provision/rsyslog-$role.conf" "/etc/rsyslog.d/10-paf-$role.conf"
systemctl restart rsyslog
