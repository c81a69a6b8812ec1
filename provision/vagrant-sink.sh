#!/usr/bin/env bash
# Vagrant's log-sink: a machine that receives the nodes' logs. Arguments: NAME=ADDRESS of each machine.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends rsyslog
bash /vagrant/provision/vagrant-hosts.sh "$@"
