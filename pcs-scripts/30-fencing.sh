#!/usr/bin/env bash
# Fencing. Without it a lost node is never given up, and PostgreSQL never promoted.
# FENCE_AGENT and FENCE_OPTIONS: what fences your machines (fence_gce, fence_ipmilan, ...).
# FENCE_DEVICES: for machines with a device each, such as a BMC; a line for each node, with the node and
# the options that only its device has. FENCE_OPTIONS has the options that all devices share.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

if [ -z "$FENCE_DEVICES" ]; then
    fence_device cib fence "$NODES"
else
    for node in "${NODE_LIST[@]}"; do fence_node cib "$node"; done
fi
cib property set stonith-enabled=true no-quorum-policy=stop
if [ "$SLOWNESS" != 1 ]; then cib property set "stonith-timeout=$(seconds 60)"; fi
