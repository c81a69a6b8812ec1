#!/usr/bin/env bash
# Vagrant's log-sink: a machine that receives the nodes' logs. Arguments: NAME=ADDRESS of each machine.
set -euo pipefail

bash /vagrant/provision/vagrant-apt.sh rsyslog
bash /vagrant/provision/vagrant-hosts.sh "$@"
