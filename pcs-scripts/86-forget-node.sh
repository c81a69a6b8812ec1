#!/usr/bin/env bash
# On every node that stays, after 85-remove-node.sh:   86-forget-node.sh NODE
# crm_node --remove may end before Pacemaker's controller has heard it (seen with 2.1.5, in three of
# four tries). A controller that still knows the node writes it into the CIB again as soon as it
# becomes the DC, and every HAProxy gets a server for it.
set -euo pipefail

node=${1:?the node to forget}
for _ in $(seq 50); do
    if ! crm_node --list | awk -v node="$node" '$2 == node { found = 1 } END { exit !found }'; then
        exit 0
    fi
    crm_node --force --remove "$node"
    sleep 0.2
done
echo "86-forget-node: Pacemaker's controller still lists $node: crm_node --list" >&2
exit 1
