#!/usr/bin/env bash
# Removes a node from the running cluster. Run on another member:   85-remove-node.sh NODE
# After it, on every node that stays: 86-forget-node.sh NODE. The node's resources are stopped first;
# its PostgreSQL instance is left where it is. The primary is not removed: switch over before.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

node=${1:?the node to remove}
if crm_resource --resource pgsqld-clone --locate | grep -qF -e ": $node Promoted" -e ": $node Master"; then
    echo "85-remove-node: $node is the primary: switch over first" >&2
    exit 1
fi
if is_member "$node"; then
    # What stops first is what clients are sent to. Why not pcs node standby: docs/traps/pcs.md,
    # "pcs node standby is refused while PAF gives a node its first score".
    crm_standby --node "$node" --update on
    crm_resource --wait --timeout "$(seconds 120)"
    pcs_nodes cluster node remove "$node"
fi
# Of 82-add-proxy.sh and 30-fencing.sh.
while have "//rsc_location[@node='$node']"; do
    cibadmin --delete --xpath "//rsc_location[@node='$node']"
done
if have "//primitive[@id='fence']"; then
    live stonith update fence "pcmk_host_list=$(fenced_without "$node")"
elif have "//primitive[@id='fence-$node']"; then
    live stonith delete "fence-$node"
fi
