#!/usr/bin/env bash
# On every node, before PAF runs there: the instance, its pg_hba.conf, and on the first node the
# roles. Nothing is touched where there is an instance that Pacemaker runs.
#
#   40-postgresql.sh primary         makes the instance and the roles; leaves it running
#   40-postgresql.sh standby NODE    copies NODE's instance
#   40-postgresql.sh stop            stops the first one, so that Pacemaker can start it
#
# REPLICATOR_PASSWORD, APP_PASSWORD: of the PostgreSQL roles replicator and app.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

node=$(uname -n)
as_postgres() { runuser -u postgres -- "$@"; }
pg_ctl() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -w -s "$@"; }

configure() {
    cat >"$PGDATA/pg_hba.conf" <<CONF
$PG_HBA
# A standby reaches the primary through its own HAProxy. If that one still leads to this node, the
# instance must not replicate from itself.
local   replication  all                        reject
host    replication  all         $node          reject
host    replication  all         127.0.0.1/32   reject
host    replication  all         ::1/128        reject
host    replication  replicator  $NETWORK       scram-sha-256

# HAProxy asks for the role, and the agent confirms a promotion, over the Unix socket.
local   postgres     haproxy                    peer
local   all          postgres                   peer
host    all          all         $NETWORK       scram-sha-256
host    all          all         127.0.0.1/32   scram-sha-256
CONF
    # wal_init_zero: after a promotion every standby begins a segment of the new timeline, and would
    # first fill it with zeros. Until one has, no synchronous commit is acknowledged.
    cat >"$PGDATA/paf.conf" <<CONF
listen_addresses = '*'
port = $PGPORT
unix_socket_directories = '/run/postgresql'
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
cluster_name = 'pgsql-$node'
primary_conninfo = '$CONNINFO user=replicator application_name=$node'
log_destination = syslog
log_line_prefix = '%m [%p] %q%u@%d '
syslog_sequence_numbers = off
CONF
    grep -qs '^include.*paf.conf' "$PGDATA/postgresql.conf" ||
        echo "include = 'paf.conf'" >>"$PGDATA/postgresql.conf"
    printf '*:*:*:replicator:%s\n' "$REPLICATOR_PASSWORD" >~postgres/.pgpass
    printf '*:*:*:app:%s\n' "$APP_PASSWORD" >/root/.pgpass
    chown postgres: "$PGDATA"/*.conf ~postgres/.pgpass
    chmod 600 ~postgres/.pgpass /root/.pgpass
}

roles() {
    as_postgres psql -qX -h /run/postgresql -p "$PGPORT" -d postgres -v ON_ERROR_STOP=1 \
        -v replicator="$REPLICATOR_PASSWORD" -v app="$APP_PASSWORD" <<'SQL'
SET synchronous_commit = local;
SELECT 'CREATE ROLE haproxy LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'haproxy') \gexec
SELECT 'CREATE ROLE replicator LOGIN REPLICATION' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'replicator') \gexec
SELECT 'CREATE ROLE app LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
SELECT 'CREATE DATABASE app OWNER app' WHERE NOT EXISTS
    (SELECT FROM pg_database WHERE datname = 'app') \gexec
GRANT pg_read_all_stats TO haproxy; -- who is a synchronous standby
ALTER ROLE replicator PASSWORD :'replicator';
ALTER ROLE app PASSWORD :'app';
SQL
}

case ${1:-} in
primary)
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        install -d -o postgres -g postgres -m 700 "$(dirname "$PGDATA")"
        rm -rf "$PGDATA.new"
        as_postgres "$PGBIN/initdb" -D "$PGDATA.new" --data-checksums >/dev/null
        rm -rf "$PGDATA"
        mv "$PGDATA.new" "$PGDATA" # whole or not at all
    fi
    configure
    pg_ctl status >/dev/null || pg_ctl -l /dev/null start
    roles
    ;;
standby)
    : "${2:?the node to copy from}"
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        install -d -o postgres -g postgres -m 700 "$(dirname "$PGDATA")"
        rm -rf "$PGDATA.new"
        PGPASSWORD=$REPLICATOR_PASSWORD as_postgres "$PGBIN/pg_basebackup" -h "$2" -p "$PGPORT" \
            -U replicator -D "$PGDATA.new" -X stream -c fast
        rm -rf "$PGDATA"
        mv "$PGDATA.new" "$PGDATA"
    fi
    configure
    as_postgres touch "$PGDATA/standby.signal"
    ;;
stop)
    if pg_ctl status >/dev/null; then pg_ctl stop -m fast; fi
    ;;
*)
    echo "usage: $0 primary | standby NODE | stop" >&2
    exit 2
    ;;
esac
