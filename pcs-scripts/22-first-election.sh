#!/usr/bin/env bash
# On every node, before its first start; optional. A cluster that starts for the first time waits
# for dc-deadtime, 20 s by default, for a coordinator that cannot be there; DC_DEADTIME shortens it.
# And Pacemaker looks at its load-threshold (see 60-haproxy.sh) every 30 s only: given here, it is
# never throttled.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

cib=/var/lib/pacemaker/cib/cib.xml
if [ -n "${DC_DEADTIME:-}" ] && [ ! -e "$cib" ]; then
    cibadmin --empty >"$cib.new"
    CIB_file=$cib.new crm_attribute --type crm_config --name dc-deadtime --update "$DC_DEADTIME"
    CIB_file=$cib.new crm_attribute --type crm_config --name load-threshold \
        --update "${LOAD_THRESHOLD:-0%}"
    chown hacluster:haclient "$cib.new"
    chmod 600 "$cib.new"
    rm -f "$cib.sig" "$cib.new.sig"
    mv "$cib.new" "$cib" # whole or not at all
fi
