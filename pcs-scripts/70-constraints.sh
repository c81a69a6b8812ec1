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
# The id of the constraint by which the demote of one resource comes before that of another.
order_id() {
    if [ -n "$CIB" ]; then local -x CIB_file=$CIB; fi
    cibadmin --query --xpath \
        "//rsc_order[@first='$1' and @then='$2' and @first-action='demote' and @then-action='demote']" \
        2>/dev/null | sed -n 's/.* id="\([^"]*\)".*/\1/p' | head -1 || true
}

# Which demote comes first in a switchover. Optional: neither waits for one that is not to be done.
# - HAProxy's changes nothing, the notification before it did. It, and what follows it, would only take
#   CPU from PAF's demote, while new connections wait already: it comes second.
# - With PgBouncer (parameter pooler) it comes first: PostgreSQL stops when the notification after it has
#   ended, in which the agent waits for open transactions.
first=pgsqld-clone
second=haproxy-clone
if have "//primitive[@id='haproxy']/instance_attributes/nvpair[@name='pooler'][@value!='']"; then
    first=haproxy-clone
    second=pgsqld-clone
fi
wrong=$(order_id "$second" "$first")
if [ -n "$wrong" ]; then
    cib constraint remove "$wrong"
fi
if ! have "//rsc_order[@then='$second' and @then-action='demote']"; then
    cib constraint order demote "$first" "then" demote "$second" kind=Optional \
        symmetrical=false
fi
