#!/usr/bin/env bash
# On a node, before its Pacemaker starts for the first time; of a new cluster, or of one that the node
# joins (80-add-node.sh).
# Pacemaker reads load-threshold (60-haproxy.sh) when it starts, and when a property changes. A node
# without a CIB of its own joins with the default of 80 %: if it is busy it says so, and the
# coordinator then runs the actions of all nodes one after another, long after the node has gone.
# DC_DEADTIME: a cluster that starts for the first time waits that long, 20 s by default, for a
# coordinator that cannot be there.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

cib=/var/lib/pacemaker/cib/cib.xml
if [ -e "$cib" ]; then
    echo "$cib is there already, and stays as it is"
else
    cibadmin --empty >"$cib.new"
    CIB_file=$cib.new crm_attribute --type crm_config --name load-threshold \
        --update "${LOAD_THRESHOLD:-0%}"
    if [ -n "${DC_DEADTIME:-}" ]; then
        CIB_file=$cib.new crm_attribute --type crm_config --name dc-deadtime --update "$DC_DEADTIME"
    fi
    chown hacluster:haclient "$cib.new"
    chmod 600 "$cib.new"
    rm -f "$cib.sig" "$cib.new.sig"
    mv "$cib.new" "$cib" # whole or not at all
fi
