#!/usr/bin/env bash
# PostgreSQL, as PAF manages it. Timeouts are those of PAF's documentation, but for one: the monitor of
# the primary writes the scores of all nodes into the CIB. If the network loses packets, that takes
# more than the documented 10 s, and Pacemaker would restart the primary.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

if ! have "//primitive[@id='pgsqld']"; then
    cib resource create pgsqld ocf:heartbeat:pgsqlms \
        "bindir=$PGBIN" "pgdata=$PGDATA" "pgport=$PGPORT" "pghost=$PGSOCKET" \
        op start "timeout=$(seconds 60)" op stop "timeout=$(seconds 60)" \
        op promote "timeout=$(seconds 30)" op demote "timeout=$(seconds 120)" \
        op monitor "interval=$(seconds 15)" "timeout=$(seconds 30)" role=Promoted \
        op monitor "interval=$(seconds 16)" "timeout=$(seconds 10)" role=Unpromoted \
        op notify "timeout=$(seconds 60)" \
        meta migration-threshold=5 \
        promotable
fi
# A former primary's node keeps its score of 1001 while it is down, and standbys have 990 or less.
# Without more stickiness than the difference, Pacemaker may stop a standby to use its instance
# number on that node. PAF's documentation has 10, which is not enough.
cib resource meta pgsqld resource-stickiness=100
# Not "promotable meta notify=true" above: pcs 0.11.5 would put it on the primitive, and no
# notification would ever be sent.
cib resource meta pgsqld-clone notify=true
