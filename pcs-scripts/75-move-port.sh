#!/usr/bin/env bash
# Moves PostgreSQL from OLD_PORT to PGPORT under a cluster that serves clients. HAProxy's resource exists,
# with pgport=OLD_PORT. PostgreSQL restarts once on each node. Type the steps in this order:
#
#   75-move-port.sh prepare   on every node: PostgreSQL's next start uses PGPORT
#   75-move-port.sh begin     on one node: Pacemaker leaves PostgreSQL alone, so there is no failover
#   75-move-port.sh restart   on one standby; then on the primary, and with it HAProxy changes over on every
#                             node; then on the other standbys, one after another
#   75-move-port.sh end       on one node: PAF gets the port, and Pacemaker manages PostgreSQL again
#
# Each step can be repeated. HAPROXY_PORTS: parameters of HAProxy that change at the moment when OLD_PORT
# becomes free, as words for pcs resource update. By default prod_port and stdby_port are removed if they are
# the temporary ones of docs/operations.md, 5442 and 5443.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

: "${OLD_PORT:=5432}"
: "${PATIENCE:=$((60 * SLOWNESS))}"
: "${STATEDIR:=/run/paf-haproxy}"             # HAProxy's statedir

CIB= # the running cluster

as_postgres() { runuser -u postgres -- "$@"; }
pg_ctl() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -w -s -t "$PATIENCE" "$@"; }
sql() { as_postgres "$PGBIN/psql" -XqAt -h "$PGSOCKET" -p "$(port)" -d postgres -v ON_ERROR_STOP=1 -c "$1"; }
listens() { "$PGBIN/pg_isready" -q -t 3 -h "$1" -p "$PGPORT"; }
locate() { crm_resource --resource pgsqld-clone --locate 2>/dev/null || true; }
# The nodes with an instance. Others may have only HAProxy.
read_members() { mapfile -t members < <(locate | sed -n 's/.*is running on: \([^ ]*\).*/\1/p'); }
parameter() { crm_resource --resource "$1" --get-parameter "$2" 2>/dev/null || true; }

die() {
    echo "75-move-port: $*" >&2
    exit 1
}

# The port on which this node's instance listens now: the fourth line of its postmaster.pid.
port() {
    local found
    found=$(sed -n 4p "$PGDATA/postmaster.pid" 2>/dev/null || true)
    [ -n "$found" ] || die "PostgreSQL does not run in $PGDATA: crm_mon -1"
    echo "$found"
}

# Waits until a command succeeds.
#   await WHAT COMMAND WORD...
await() {
    local what=$1 end=$((SECONDS + PATIENCE))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then die "not within $PATIENCE s: $what"; fi
        sleep 0.2
    done
}

left_alone() {
    have "//clone[@id='pgsqld-clone']/meta_attributes/nvpair[@name='maintenance'][@value='true']"
}

prepare() {
    local now
    now=$(port)
    if [ "$now" = "$PGPORT" ]; then
        echo "PostgreSQL listens on $PGPORT already"
        return
    fi
    [ "$now" = "$OLD_PORT" ] || die "PostgreSQL listens on $now, not on $OLD_PORT: export OLD_PORT=$now"
    sql "ALTER SYSTEM SET port = $PGPORT"
    # Until the restart, this link leads to the running instance. With it, HAProxy can change over
    # before PostgreSQL stops. PostgreSQL replaces it when it starts.
    ln -sf ".s.PGSQL.$OLD_PORT" "$PGSOCKET/.s.PGSQL.$PGPORT"
}

begin() {
    local now
    if left_alone; then return; fi
    now=$(parameter haproxy pgport)
    [ "${now:-5434}" = "$OLD_PORT" ] ||
        die "HAProxy's pgport is not $OLD_PORT: crm_resource --resource haproxy --get-parameter pgport"
    paf-haproxy status >/dev/null || die "not all agree: paf-haproxy status"
    live resource meta pgsqld-clone maintenance=true
}

restart() {
    left_alone || die "Pacemaker would take the restart for a failure: bash $0 begin"
    if [ ! -e "$PGDATA/postmaster.pid" ]; then
        go_on
        return
    fi
    if [ "$(port)" = "$PGPORT" ]; then
        echo "PostgreSQL listens on $PGPORT already"
        return
    fi
    [ "$(as_postgres "$PGBIN/postgres" -D "$PGDATA" -C port)" = "$PGPORT" ] ||
        die "PostgreSQL would start on another port: bash $0 prepare; look at start_opts of pgsqld, too"
    sql CHECKPOINT
    "$(role)"
}

# The name of the function that restarts this instance.
role() { sql "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END"; }

# After a restart that was broken off while PostgreSQL was stopped.
go_on() {
    local words
    pg_ctl -l /dev/null start
    ports_to_change
    if [ "${#words[@]}" -gt 0 ] && [ "$(role)" = primary ]; then live resource update haproxy "${words[@]}"; fi
}

# Sets the variable words of its caller: the parameters of HAProxy that change.
ports_to_change() {
    words=("prod_port=" "stdby_port=")
    if [ -n "${HAPROXY_PORTS+set}" ]; then
        read -ra words <<<"$HAPROXY_PORTS"
    elif [ "$(parameter haproxy prod_port)" != 5442 ]; then
        words=()
    fi
}

standby() {
    pg_ctl -m fast stop
    pg_ctl -l /dev/null start
}

streams() { [ "$(sql 'SELECT status FROM pg_stat_wal_receiver')" = streaming ]; }

primary() {
    local node members work words push='' moved=''
    read_members
    for node in "${members[@]}"; do
        if [ "$node" != "$(uname -n)" ] && listens "$node"; then moved=$node; fi
    done
    [ -n "$moved" ] || die "no standby listens on $PGPORT: on one standby, bash $0 restart"
    # New connections through HAProxy wait from here until PostgreSQL listens on the other port.
    if [ "$(parameter haproxy pgport)" != "$PGPORT" ]; then live resource update haproxy "pgport=$PGPORT"; fi
    crm_resource --wait "--timeout=$PATIENCE"
    grep -qs "\"pgport\": \"$PGPORT\"" "$STATEDIR/parameters" || {
        live resource update haproxy "pgport=$OLD_PORT"
        die "HAProxy keeps its port of PostgreSQL: cat $STATEDIR/rejected"
    }
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    ports_to_change
    if [ "${#words[@]}" -gt 0 ]; then
        pcs cluster cib "$work/cib"
        cp "$work/cib" "$work/before"
        pcs -f "$work/cib" resource update haproxy "${words[@]}"
    fi
    pg_ctl -m fast stop
    if [ "${#words[@]}" -gt 0 ]; then
        # Beside the start: HAProxy takes the port that has become free.
        pcs cluster cib-push "$work/cib" "diff-against=$work/before" &
        push=$!
    fi
    pg_ctl -l /dev/null start
    if [ -n "$push" ]; then
        wait "$push" || die "HAProxy keeps its ports; change them as docs/operations.md says (Changing a" \
            "parameter): pcs -f FILE resource update haproxy ${words[*]}"
    fi
}

# Whether Pacemaker has found PostgreSQL on every node, and one primary.
found() {
    local lines
    lines=$(locate)
    [ "$(grep -c 'is running on' <<<"$lines")" = "${#members[@]}" ] &&
        [ "$(grep -cE ' (Promoted|Master) *$' <<<"$lines")" = 1 ]
}

# Pacemaker restarts an instance whose parameters have changed since it was started, and PAF's demote would
# look for the primary on the new port. So PAF's port changes in maintenance mode, and Pacemaker forgets
# the starts, and looks at the instances anew, before it manages them again.
end() {
    local node members
    read_members
    for node in "${members[@]}"; do
        listens "$node" || die "PostgreSQL on $node does not listen on $PGPORT: there, bash $0 restart"
    done
    crm_attribute --name maintenance-mode --update true
    if [ "$(parameter pgsqld pgport)" != "$PGPORT" ]; then live resource update pgsqld "pgport=$PGPORT"; fi
    if left_alone; then live resource meta pgsqld-clone maintenance=; fi
    crm_resource --refresh --resource pgsqld-clone
    crm_resource --wait "--timeout=$PATIENCE"
    await "Pacemaker finds PostgreSQL on every node; the cluster stays in maintenance mode (crm_mon -1)" found
    crm_attribute --name maintenance-mode --delete
    crm_resource --wait "--timeout=$PATIENCE"
}

[ "$OLD_PORT" != "$PGPORT" ] ||
    die "PGPORT is $PGPORT, from where PostgreSQL moves: unset PGPORT, or set it to the new port"
case ${1:-} in
prepare | begin | end) "$1" ;;
restart)
    restart
    if [ "$(role)" = standby ]; then
        await "the standby streams: look at primary_conninfo" streams
    fi
    ;;
*)
    echo "usage: $0 prepare | begin | restart | end" >&2
    exit 2
    ;;
esac
