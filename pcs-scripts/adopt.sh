# shellcheck shell=bash
# Part of 40-postgresql.sh: an instance that runs becomes the first of the cluster.

# Says why the instance that runs cannot be copied to other nodes yet, if it cannot.
unfit() {
    local lacks
    lacks=$(sql -At -F ' = ' -c "SELECT name, quote_literal(setting) FROM pg_settings WHERE CASE name
        WHEN 'listen_addresses' THEN setting IN ('', 'localhost', '127.0.0.1')
        WHEN 'wal_level' THEN setting = 'minimal'
        WHEN 'hot_standby' THEN setting = 'off'
        WHEN 'max_wal_senders' THEN setting::int < 4 END")
    if [ -n "$lacks" ]; then
        printf '%s\n' "40-postgresql: standbys cannot follow this instance, because of these settings:" "$lacks" \
            "  Set listen_addresses = '*', wal_level = replica, hot_standby = on, max_wal_senders = 10; then" \
            "  restart PostgreSQL, and type this again" >&2
        return 1
    fi
}

# Settings for an instance that was there before. What somebody has chosen stays. Without a standby, a
# synchronous commit would wait for ever.
adopted() {
    local chosen
    chosen=$(sql -At -c "SELECT string_agg(name, ' ') FROM pg_settings WHERE source <> 'default'")
    common | awk -v chosen="$chosen" '
        BEGIN { split(chosen, names, " "); for (i in names) have[names[i]] = 1 }
        !($1 in have) && $1 != "synchronous_standby_names"'
    own
}

# Debian keeps the configuration in /etc/postgresql. A copy of it goes beside the data, where PAF and
# pg_basebackup find it. PostgreSQL's next start by PAF or pg_ctl uses the copy.
#   bring_beside POSTGRESQL.CONF
bring_beside() {
    local name file
    if [ -d "$(dirname "$1")/conf.d" ]; then cp -rn "$(dirname "$1")/conf.d" "$PGDATA/"; fi
    for name in hba ident; do
        file=$(sql -At -c "SHOW ${name}_file")
        cp -n "$file" "$PGDATA/pg_$name.conf"
    done
    if [ ! -e "$PGDATA/postgresql.conf" ]; then
        sed '/^[[:space:]]*\(data_directory\|hba_file\|ident_file\|external_pid_file\)\>/d' "$1" \
            >"$PGDATA/postgresql.conf"
    fi
    chown -R postgres: "$PGDATA/postgresql.conf" "$PGDATA"/pg_{hba,ident}.conf
    if [ -d "$PGDATA/conf.d" ]; then chown -R postgres: "$PGDATA/conf.d"; fi
    # Debian's own commands must not start the instance beside PAF.
    file=$(dirname "$1")/start.conf
    if [ -e "$file" ]; then echo disabled >"$file"; fi
}

adopt() {
    local file lines
    pg_ctl status >/dev/null || {
        echo "40-postgresql: no instance runs in $PGDATA: start it, or set PGDATA" >&2
        return 1
    }
    unfit
    file=$(sql -At -c 'SHOW config_file')
    if [ "$file" != "$PGDATA/postgresql.conf" ]; then bring_beside "$file"; fi
    if [ ! -e "$PGDATA/paf.conf" ]; then
        adopted >"$PGDATA/paf.conf.new"
        chown postgres: "$PGDATA/paf.conf.new"
        chmod 600 "$PGDATA/paf.conf.new"
        mv "$PGDATA/paf.conf.new" "$PGDATA/paf.conf"
    fi
    for file in "$file" "$PGDATA/postgresql.conf"; do
        grep -qs "^include.*paf.conf" "$file" || echo "include = '$PGDATA/paf.conf'" >>"$file"
    done
    lines=$(hba | missing_lines "$(sql -At -c 'SHOW hba_file')")
    if [ -n "$lines" ]; then
        printf '%s\n' "40-postgresql: pg_hba.conf is not changed, and lacks these lines:" "$lines" \
            "  Others may have the same effect. HAProxy's connections come from the addresses of the nodes" >&2
    fi
    cluster_roles
    pg_ctl reload
}
