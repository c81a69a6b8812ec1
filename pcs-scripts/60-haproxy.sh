#!/usr/bin/env bash
# HAProxy on every node. HAPROXY_OPTIONS: parameters of ocf:paf:haproxy, none is needed. PGPORT, PGSOCKET and
# REPLICATION_PORT are passed on if they are not the agent's defaults.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

read -ra options <<<"${HAPROXY_OPTIONS:-}"
# Clients are held for as long as a switchover takes.
if [ "$SLOWNESS" != 1 ] && [[ ${HAPROXY_OPTIONS:-} != *hold_timeout=* ]]; then
    options+=("hold_timeout=$(seconds 30)")
fi
# A setting of settings.sh, unless it is the default or HAPROXY_OPTIONS has another value.
#   pass_on PARAMETER VALUE DEFAULT
pass_on() {
    if [ "$2" != "$3" ] && [[ " ${HAPROXY_OPTIONS:-}" != *" $1="* ]]; then options+=("$1=$2"); fi
}
pass_on pgport "$PGPORT" 5434
pass_on pghost "$PGSOCKET" /run/postgresql
pass_on replication_port "$REPLICATION_PORT" 5437
if ! have "//primitive[@id='haproxy']"; then
    cib resource create haproxy ocf:paf:haproxy "${options[@]}" \
        op start "timeout=$(seconds 30)" op stop "timeout=$(seconds 30)" \
        op promote "timeout=$(seconds 30)" op demote "timeout=$(seconds 30)" \
        op monitor "interval=$(seconds 4)" "timeout=$(seconds 20)" role=Promoted \
        op monitor "interval=$(seconds 5)" "timeout=$(seconds 20)" role=Unpromoted \
        op notify "timeout=$(seconds 10)" \
        op reload "timeout=$(seconds 30)" op reload-agent "timeout=$(seconds 30)" \
        promotable
fi
# A failed start is tried again 30 s later, as often as it fails: the failure expires. While the cluster
# property start-failure-is-fatal is true, which is the default, the first failed start makes the
# fail-count INFINITY: without failure-timeout the node is given up until somebody runs a cleanup,
# whatever migration-threshold is. (migration-threshold=0 starts again twice a second.)
cib resource meta haproxy migration-threshold=INFINITY "failure-timeout=$(seconds 30)"
cib resource meta haproxy-clone notify=true interleave=true
# Above this load Pacemaker runs the actions of all nodes one after another, notifications too: a
# switchover then takes several times as long, and PAF's demote may overtake our pre-demote. A
# database server is often that busy. 0% switches it off.
cib property set "load-threshold=${LOAD_THRESHOLD:-0%}"
