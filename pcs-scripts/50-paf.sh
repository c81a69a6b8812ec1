#!/usr/bin/env bash
# PostgreSQL, as PAF manages it. Timeouts are those of PAF's documentation.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

if ! have "//primitive[@id='pgsqld']"; then
    cib resource create pgsqld ocf:heartbeat:pgsqlms \
        "bindir=$PGBIN" "pgdata=$PGDATA" "pgport=$PGPORT" "pghost=$PGSOCKET" \
        op start "timeout=$(seconds 60)" op stop "timeout=$(seconds 60)" \
        op promote "timeout=$(seconds 30)" op demote "timeout=$(seconds 120)" \
        op monitor "interval=$(seconds 15)" "timeout=$(seconds 10)" role=Promoted \
        op monitor "interval=$(seconds 16)" "timeout=$(seconds 10)" role=Unpromoted \
        op notify "timeout=$(seconds 60)" \
        meta migration-threshold=5 \
        promotable
fi
# Not "promotable meta notify=true" above: pcs 0.11.5 would put it on the primitive, and no
# notification would ever be sent.
cib resource meta pgsqld-clone notify=true
