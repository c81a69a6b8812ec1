#!/usr/bin/env bash
# Adds a node to the running cluster. Run on a member:   80-add-node.sh NODE
# Before it, on the new node: the packages, the agent, and its instance (40-postgresql.sh standby).
# After it, on the new node: 22-first-start.sh, then pcs cluster start. Every HAProxy has it among
# its servers a monitor later.
# HACLUSTER_PASSWORD: of the OS user hacluster on the new node.
# FENCE_DEVICES: if each node has its own device, with a line for the new node, as in 30-fencing.sh.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

node=${1:?the node to add}
: "${HACLUSTER_PASSWORD:?set it to the password of the OS user hacluster}"
# First of all, it must be possible to fence it.
if have "//primitive[@id='fence']"; then
    live stonith update fence "pcmk_host_list=$(fenced_without "$node") $node"
elif have "//primitive[starts-with(@id, 'fence-')]"; then
    fence_node live "$node"
fi
if ! is_member "$node"; then
    printf '%s\n' "$HACLUSTER_PASSWORD" | pcs_nodes host auth "$node" -u hacluster
    pcs_nodes cluster node add "$node"
fi
