#!/usr/bin/env bash
# One virtual machine of Vagrant's: packages, names, node.sh, the agent, the firewall, the instance.
# Arguments: NAME=ADDRESS of every machine. The Vagrantfile says what is in the environment.
set -euo pipefail

source=/vagrant
: "${HACLUSTER_PASSWORD:?the Vagrantfile sets it}"
: "${POSTGRESQL:?its version}"
: "${NODES:?the names of the nodes}"
: "${CLIENTS:?the network of the clients}"
: "${SLOWNESS:?as in pcs-scripts/settings.sh}"
packages=$(cat "$source/provision/packages.txt")

# shellcheck disable=SC2086 # words
bash "$source/provision/vagrant-apt.sh" $packages nftables openssh-client "postgresql-$POSTGRESQL"

bash "$source/provision/vagrant-hosts.sh" "$@"
bash "$source/provision/node.sh"
bash "$source/provision/install-agent.sh" "$source"
echo "hacluster:$HACLUSTER_PASSWORD" | chpasswd
systemctl restart pcsd
nodes=()
for pair in "$@"; do
    case " $NODES " in *" ${pair%%=*} "*) nodes+=("${pair#*=}") ;; esac
done
bash "$source/provision/firewall.sh" "$CLIENTS" "${nodes[@]}" >/etc/nftables.conf
systemctl enable nftables
systemctl restart nftables

# A node whose systemd hangs is reset by the virtual machine's watchdog.
install -d /etc/systemd/system.conf.d
printf '[Manager]\nRuntimeWatchdogSec=%ss\n' "$((15 * SLOWNESS))" >/etc/systemd/system.conf.d/50-paf-haproxy.conf
systemctl daemon-reexec

install -d -m 700 /root/.ssh
install -m 600 /dev/null /root/.ssh/fence
printf '%s\n' "$FENCE_KEY" >/root/.ssh/fence

install -m 600 /dev/null /root/paf-haproxy.env
export PGBIN=/usr/lib/postgresql/$POSTGRESQL/bin
export PGDATA=/var/lib/postgresql/$POSTGRESQL/main
for key in NODES PGBIN PGDATA SLOWNESS HACLUSTER_PASSWORD REPLICATOR_PASSWORD APP_PASSWORD \
    FENCE_AGENT FENCE_OPTIONS; do
    printf 'export %s=%q\n' "$key" "${!key}" >>/root/paf-haproxy.env
done

# shellcheck source=/dev/null
. /root/paf-haproxy.env
first=${NODES%% *}
if [ "$(uname -n)" = "$first" ]; then
    bash "$source/pcs-scripts/40-postgresql.sh" primary
else
    bash "$source/pcs-scripts/40-postgresql.sh" standby "$first"
fi
