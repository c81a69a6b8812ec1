#!/usr/bin/env bash
# HAProxy's promoted instance is where PostgreSQL's is, and never the other way round.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

# influence=false: a HAProxy that cannot run on the primary's node must not move the primary.
if ! have "//rsc_colocation[@rsc='haproxy-clone']"; then
    cib constraint colocation add Promoted haproxy-clone with Promoted pgsqld-clone INFINITY \
        influence=false
fi
# Not symmetrical: PAF's demote must never wait for HAProxy, through which the last WAL flows.
if ! have "//rsc_order[@then='haproxy-clone' and @then-action='promote']"; then
    cib constraint order promote pgsqld-clone "then" promote haproxy-clone symmetrical=false
fi
# HAProxy's demote changes nothing, the notification before it did. It, and what follows it, would
# only take CPU from PAF's demote, while new connections wait already.
if ! have "//rsc_order[@then='haproxy-clone' and @then-action='demote']"; then
    cib constraint order demote pgsqld-clone "then" demote haproxy-clone kind=Optional \
        symmetrical=false
fi
