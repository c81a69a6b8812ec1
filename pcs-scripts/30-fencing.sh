#!/usr/bin/env bash
# Fencing. Without it a lost node is never given up, and PostgreSQL never promoted.
# FENCE_AGENT and FENCE_OPTIONS: what fences your machines (fence_gce, fence_ipmilan, ...).
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

read -ra options <<<"$FENCE_OPTIONS"
if ! have "//primitive[@id='fence']"; then
    cib stonith create fence "$FENCE_AGENT" "pcmk_host_list=$NODES" "${options[@]}" \
        op start "timeout=$(seconds 20)" op stop "timeout=$(seconds 20)" \
        op monitor "interval=$(seconds 60)" "timeout=$(seconds 30)"
fi
cib property set stonith-enabled=true no-quorum-policy=stop
if [ "$SLOWNESS" != 1 ]; then cib property set "stonith-timeout=$(seconds 60)"; fi
