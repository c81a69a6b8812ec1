#!/usr/bin/env bash
# PgBouncer on every node, port 6432: an option. The sessions of its clients survive a planned switchover.
#
#   45-pgbouncer.sh role    where PostgreSQL is the primary: the role and the function through which
#                           PgBouncer reads the password of a user
#   45-pgbouncer.sh node    on every node: writes the configuration of PgBouncer, and starts it
#
# POOLER_PASSWORD: of the PostgreSQL role pgbouncer. READ_ONLY: the databases that readers get a second
# name for, as in app_ro. Both can be repeated; a change of the configuration that is made elsewhere is
# lost, so put yours into /etc/pgbouncer/site.ini.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

: "${READ_ONLY:=app postgres}"
: "${POOLER_DIR:=/etc/pgbouncer}"
: "${UNITS:=/etc/systemd/system}"

databases() {
    # Without a name of its own, a database is reached under its own name.
    local name
    for name in $READ_ONLY; do
        echo "${name}_ro = host=127.0.0.1 port=5433 dbname=$name"
    done
    echo "* = host=127.0.0.1 port=5432"
}

# PgBouncer 1.21 and later follow prepared statements of the protocol in transaction pooling.
prepared() {
    local version
    version=$(/usr/sbin/pgbouncer --version | awk 'NR == 1 { print $2 }')
    if dpkg --compare-versions "$version" ge 1.21; then echo "max_prepared_statements = 200"; fi
}

conf() {
    cat <<CONF
; Written by 45-pgbouncer.sh; a change made here is lost. Put yours into $POOLER_DIR/site.ini.
[databases]
$(databases)

[pgbouncer]
listen_addr = *
listen_port = 6432
unix_socket_dir = $PGSOCKET
logfile =
syslog = 1
pool_mode = transaction
$(prepared)
max_client_conn = 2000
default_pool_size = 20
ignore_startup_parameters = extra_float_digits,options

; A client is let in with its own SCRAM password, which PgBouncer looks up in PostgreSQL. With it PgBouncer
; logs in for the client, so no file has the passwords of the applications.
auth_type = scram-sha-256
auth_user = pgbouncer
auth_file = $POOLER_DIR/userlist.txt
auth_query = SELECT usename, passwd FROM pgbouncer.get_auth(\$1)
client_tls_sslmode = prefer
client_tls_key_file = $POOLER_DIR/server.key
client_tls_cert_file = $POOLER_DIR/server.crt
server_tls_sslmode = prefer

; While there is no primary, HAProxy holds connections for hold_timeout (30 s). All of these are longer.
server_connect_timeout = 60
query_wait_timeout = 60
client_login_timeout = 60
; A connection that failed is tried again after that many seconds.
server_login_retry = 0.2
; The sessions of a node that is lost end when HAProxy closes them.
tcp_keepalive = 1

%include $POOLER_DIR/site.ini
CONF
}

certificate() {
    local key=$POOLER_DIR/server.key
    if [ -e "$key" ]; then return; fi
    (
        umask 077
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$(uname -n)" \
            -keyout "$key.new" -out "$POOLER_DIR/server.crt" 2>/dev/null
    )
    chmod 644 "$POOLER_DIR/server.crt"
    chown postgres: "$key.new" "$POOLER_DIR/server.crt"
    mv "$key.new" "$key"
}

# A file of PgBouncer's, which only it and root may read.
install_file() {
    local file=$POOLER_DIR/$1 new
    new=$(mktemp "$file.XXXXXX")
    cat >"$new"
    chown postgres: "$new"
    chmod 600 "$new"
    mv "$new" "$file"
}

role() {
    local database name
    psql() { runuser -u postgres -- psql -qX -h "$PGSOCKET" -p "$PGPORT" -v ON_ERROR_STOP=1 "$@"; }
    psql -d postgres -v password="$POOLER_PASSWORD" <<'SQL'
SET synchronous_commit = local;
SELECT 'CREATE ROLE pgbouncer LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'pgbouncer') \gexec
ALTER ROLE pgbouncer PASSWORD :'password';
SQL
    # PgBouncer before 1.19 asks in the database that the client wants. template1: for databases to come.
    while IFS= read -r database; do
        name=${database//\\/\\\\}
        psql -d "dbname='${name//\'/\\\'}'" <<'SQL'
SET synchronous_commit = local;
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS pgbouncer;
CREATE OR REPLACE FUNCTION pgbouncer.get_auth(wanted text, OUT usename text, OUT passwd text)
RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
$$
    SELECT rolname::text, rolpassword FROM pg_catalog.pg_authid
    WHERE rolname = wanted AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
        AND (rolvaliduntil IS NULL OR rolvaliduntil > now())
$$;
REVOKE ALL ON FUNCTION pgbouncer.get_auth(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer;
GRANT EXECUTE ON FUNCTION pgbouncer.get_auth(text) TO pgbouncer;
SQL
    done < <(psql -d postgres -At -c "SELECT datname FROM pg_database WHERE datallowconn")
}

node() {
    if [ ! -e "$POOLER_DIR/site.ini" ]; then install_file site.ini </dev/null; fi
    printf '"pgbouncer" "%s"\n' "${POOLER_PASSWORD//\"/\"\"}" | install_file userlist.txt
    certificate
    conf | install_file pgbouncer.ini
    # The first time, PgBouncer runs with the configuration of the package, and must listen elsewhere.
    local unit=$UNITS/pgbouncer.service.d/paf-haproxy.conf change=reload
    if [ ! -e "$unit" ]; then change=restart; fi
    install -d "$(dirname "$unit")"
    cat >"$unit" <<'UNIT'
[Service]
Restart=always
RestartSec=1
LimitNOFILE=65536
UNIT
    systemctl daemon-reload
    systemctl enable --now pgbouncer
    systemctl "$change" pgbouncer
}

case ${1:-} in
role | node)
    : "${POOLER_PASSWORD:?of the PostgreSQL role pgbouncer}"
    "$1"
    ;;
*)
    echo "usage: $0 role | node" >&2
    exit 2
    ;;
esac
