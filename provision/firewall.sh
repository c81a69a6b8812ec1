#!/usr/bin/env bash
# firewall.sh CLIENTS NODE...: writes the nftables rules that open a node for exactly what the cluster
# and its clients need. CLIENTS: a network; NODE: the addresses of the nodes. ssh stays open for all.
#
#   bash firewall.sh 10.20.30.0/24 10.20.30.51 10.20.30.52 10.20.30.53 >/etc/nftables.conf
#   systemctl enable --now nftables
set -euo pipefail

clients=${1:?the network of the clients}
shift
nodes=$(IFS=,; echo "$*")
# The pools, the role as text, statistics and metrics, the role over HTTP.
public=5431,5432,5433,7000,8008
# pcsd; PostgreSQL; the role among HAProxys. Corosync's knet is 5405 and, for each further link, the
# next one (corosync.conf(5), mcastport).
among_nodes=2224,5434,5435
corosync=5405-5412
# The replication port, 5437, is on the loopback interface.

cat <<CONF
#!/usr/sbin/nft -f
# Written by provision/firewall.sh.
table inet paf_haproxy
delete table inet paf_haproxy
table inet paf_haproxy {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif lo accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport 22 accept
        ip saddr { $nodes } tcp dport { $among_nodes, $public } accept
        ip saddr { $nodes } udp dport $corosync accept
        ip saddr $clients tcp dport { $public } accept
    }
}
CONF
