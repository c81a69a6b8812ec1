#!/usr/bin/env bash
# Once, on one node: Corosync and Pacemaker on all nodes, and a quorum.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

if [ ! -e /etc/corosync/corosync.conf ]; then
    pcs cluster setup "$CLUSTER" "${NODE_LIST[@]}"
fi
pcs cluster enable --all
pcs cluster start --all

# Until Pacemaker sees every node online.
for _ in $(seq 300); do
    online=$(crm_mon -1 --output-as=xml 2>/dev/null | grep -c '<node .*online="true"' || true)
    if [ "$online" -ge "${#NODE_LIST[@]}" ]; then exit 0; fi
    sleep 0.2
done
echo "20-cluster-setup: only $online of ${#NODE_LIST[@]} nodes are online after 60 s" >&2
exit 1
