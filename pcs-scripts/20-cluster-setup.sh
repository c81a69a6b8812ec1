#!/usr/bin/env bash
# Once, on one node: the nodes become members of one cluster, not yet started.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

if [ ! -e /etc/corosync/corosync.conf ]; then
    pcs cluster setup "$CLUSTER" "${NODE_LIST[@]}" --enable
fi
