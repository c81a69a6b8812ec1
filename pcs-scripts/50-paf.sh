#!/usr/bin/env bash
# PostgreSQL, as PAF manages it. Timeouts are those of PAF's documentation.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

if ! have "//primitive[@id='pgsqld']"; then
    cib resource create pgsqld ocf:heartbeat:pgsqlms \
        "bindir=$PGBIN" "pgdata=$PGDATA" "pgport=$PGPORT" pghost=/run/postgresql \
        op start timeout=60s op stop timeout=60s \
        op promote timeout=30s op demote timeout=120s \
        op monitor interval=15s timeout=10s role=Promoted \
        op monitor interval=16s timeout=10s role=Unpromoted \
        op notify timeout=60s \
        meta migration-threshold=5 \
        promotable
fi
# Not "promotable meta notify=true" above: pcs 0.11.5 would put it on the primitive, and no
# notification would ever be sent.
cib resource meta pgsqld-clone notify=true
