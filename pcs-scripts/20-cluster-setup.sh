#!/usr/bin/env bash
# Once, on one node: the nodes become members of one cluster, not yet started.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

# Not enabled at boot, as PAF's documentation advises: a node that was lost may hold a primary that
# crashed, which PAF refuses to demote or stop; Pacemaker would fence it again and again. Somebody
# looks at it, rebuilds it if need be, and starts the cluster on it.
if [ ! -e /etc/corosync/corosync.conf ]; then
    pcs_nodes cluster setup "$CLUSTER" "${NODE_LIST[@]}" totem "token=$((3000 * SLOWNESS))"
fi
