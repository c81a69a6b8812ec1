#!/usr/bin/env bash
# On one node: starts the cluster everywhere and waits for its members.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

patience=$((60 * SLOWNESS))
pcs_nodes cluster start --all

# Until Pacemaker sees every node online.
online=0
for _ in $(seq $((5 * patience))); do
    online=$(crm_mon -1 --output-as=xml 2>/dev/null | grep -c '<node .*online="true"' || true)
    if [ "$online" -ge "${#NODE_LIST[@]}" ]; then exit 0; fi
    sleep 0.2
done
echo "25-cluster-start: only $online of ${#NODE_LIST[@]} nodes are online after $patience s" >&2
exit 1
