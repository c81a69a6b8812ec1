#!/usr/bin/env bash
# On every node, before PAF runs there: the instance with its configuration, and on the first node the
# roles. An instance that exists already keeps its configuration: the script says which lines are missing.
#
#   40-postgresql.sh primary         makes the instance and the roles; leaves it running
#   40-postgresql.sh adopt           instead, makes an instance that runs ready for the cluster. It goes on
#                                    running, and keeps its data, its pg_hba.conf and its own settings
#   40-postgresql.sh standby NODE    copies NODE's instance, with its pg_hba.conf and paf.conf
#   40-postgresql.sh stop            stops the first one, so that Pacemaker can start it
#
# REPLICATOR_PASSWORD, APP_PASSWORD: of the PostgreSQL roles replicator and app. adopt leaves app alone.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"
# shellcheck source=adopt.sh
. "$(dirname "$0")/adopt.sh"

node=$(uname -n)
as_postgres() { runuser -u postgres -- "$@"; }
pg_ctl() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -w -s "$@"; }

hba() {
    cat <<CONF
$PG_HBA
# Standbys, base backups, pg_receivewal and Barman.
host    replication  replicator  $NETWORK       scram-sha-256

# HAProxy asks for the role, and the agent confirms a promotion, over the Unix socket.
local   postgres     haproxy                    peer
local   all          postgres                   peer
host    all          all         $NETWORK       scram-sha-256
host    all          all         127.0.0.1/32   scram-sha-256
CONF
}

# What every node has of its own.
own() {
    cat <<CONF
cluster_name = 'pgsql-$node'
primary_conninfo = '$CONNINFO user=replicator application_name=$node'
CONF
}

# What all nodes have in common.
common() {
    # wal_init_zero: after a promotion every standby begins a segment of the new timeline, and would
    # first fill it with zeros. Until one has, no synchronous commit is acknowledged.
    cat <<CONF
listen_addresses = '*'
port = $PGPORT
unix_socket_directories = '$PGSOCKET'
wal_level = replica
wal_log_hints = on
wal_keep_size = 512MB
wal_init_zero = off
hot_standby = on
max_wal_senders = 10
synchronous_standby_names = 'ANY 1 (*)'
track_commit_timestamp = on
wal_retrieve_retry_interval = 100ms
wal_receiver_timeout = 10s
wal_sender_timeout = 10s
recovery_target_timeline = latest
log_destination = syslog
log_line_prefix = '%m [%p] %q%u@%d '
syslog_sequence_numbers = off
CONF
}

conf() {
    common
    own
}

# Configures an instance that this script has just made, before it is moved to its place.
configure() {
    local data=$1
    hba >"$data/pg_hba.conf"
    conf >"$data/paf.conf"
    finish "$data"
}

# The same for a copy of another node's: what that one has of its own is replaced.
configure_copy() {
    local data=$1 file
    if [ ! -e "$data/pg_hba.conf" ]; then hba >"$data/pg_hba.conf"; fi
    if [ -e "$data/paf.conf" ]; then
        sed -i '/^[[:space:]]*\(cluster_name\|primary_conninfo\)\>/d' "$data/paf.conf"
        own >>"$data/paf.conf"
    else
        conf >"$data/paf.conf"
    fi
    # ALTER SYSTEM, typed on the other node: it would overrule paf.conf.
    file=$data/postgresql.auto.conf
    if [ -e "$file" ]; then
        sed -i '/^[[:space:]]*\(cluster_name\|primary_conninfo\)\>/d' "$file"
    fi
    finish "$data"
    touch "$data/standby.signal"
    chown postgres: "$data/standby.signal"
}

finish() {
    local data=$1
    grep -qs '^include.*paf.conf' "$data/postgresql.conf" ||
        echo "include = 'paf.conf'" >>"$data/postgresql.conf"
    chown postgres: "$data"/*.conf
    chmod 600 "$data"/*.conf
}

# Makes $PGDATA.new, empty. The directory around it may be somebody else's: it keeps its owner and mode.
empty_directory() {
    local parent
    parent=$(dirname "$PGDATA")
    if [ ! -d "$parent" ]; then install -d -o postgres -g postgres -m 700 "$parent"; fi
    rm -rf "$PGDATA.new"
    install -d -o postgres -g postgres -m 700 "$PGDATA.new"
}

# Says what an instance that was there before lacks. It changes nothing.
advise() {
    local lines
    lines=$(hba | missing_lines "$PGDATA/pg_hba.conf")
    if [ -n "$lines" ]; then
        printf '%s\n' "40-postgresql: $PGDATA exists and is not changed. pg_hba.conf lacks these lines:" \
            "$lines" "  Add them before all others, unless others have the same effect; then: pg_ctl reload" >&2
    fi
    lines=$(conf | missing_lines "$PGDATA/paf.conf")
    if [ -n "$lines" ]; then
        printf '%s\n' "40-postgresql: $PGDATA exists and is not changed. paf.conf lacks these lines:" \
            "$lines" "  Set them there or in postgresql.conf, unless you have other values for a reason;" \
            "  then restart PostgreSQL, or reload it if only primary_conninfo differs" >&2
    fi
}

sql() {
    as_postgres "$PGBIN/psql" -qX -h "$PGSOCKET" -p "$PGPORT" -d postgres -v ON_ERROR_STOP=1 "$@"
}

passwords() {
    remember_password ~postgres/.pgpass postgres replicator "$REPLICATOR_PASSWORD"
    if [ -n "${APP_PASSWORD:-}" ]; then remember_password /root/.pgpass root app "$APP_PASSWORD"; fi
}

cluster_roles() {
    sql -v replicator="$REPLICATOR_PASSWORD" <<'SQL'
SET synchronous_commit = local;
SELECT 'CREATE ROLE haproxy LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'haproxy') \gexec
SELECT 'CREATE ROLE replicator LOGIN REPLICATION' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'replicator') \gexec
GRANT pg_read_all_stats TO haproxy; -- who is a synchronous standby
ALTER ROLE replicator PASSWORD :'replicator';
SQL
}

app_role() {
    sql -v app="$APP_PASSWORD" <<'SQL'
SET synchronous_commit = local;
SELECT 'CREATE ROLE app LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
SELECT 'CREATE DATABASE app OWNER app' WHERE NOT EXISTS
    (SELECT FROM pg_database WHERE datname = 'app') \gexec
ALTER ROLE app PASSWORD :'app';
SQL
}

case ${1:-} in
primary)
    passwords
    if [ -s "$PGDATA/PG_VERSION" ]; then
        advise
    else
        empty_directory
        as_postgres "$PGBIN/initdb" -D "$PGDATA.new" --data-checksums >/dev/null
        configure "$PGDATA.new"
        rm -rf "$PGDATA"
        mv "$PGDATA.new" "$PGDATA" # whole or not at all
    fi
    pg_ctl status >/dev/null || pg_ctl -l /dev/null start
    cluster_roles
    app_role
    ;;
adopt)
    remember_password ~postgres/.pgpass postgres replicator "$REPLICATOR_PASSWORD"
    adopt
    ;;
standby)
    : "${2:?the node to copy from}"
    passwords
    if [ -s "$PGDATA/PG_VERSION" ]; then
        advise
    else
        empty_directory
        PGPASSWORD=$REPLICATOR_PASSWORD as_postgres "$PGBIN/pg_basebackup" -h "$2" -p "$PGPORT" \
            -U replicator -D "$PGDATA.new" -X stream -c fast
        configure_copy "$PGDATA.new"
        rm -rf "$PGDATA"
        mv "$PGDATA.new" "$PGDATA"
    fi
    ;;
stop)
    if pg_ctl status >/dev/null; then pg_ctl stop -m fast; fi
    ;;
*)
    echo "usage: $0 primary | adopt | standby NODE | stop" >&2
    exit 2
    ;;
esac
