# shellcheck shell=bash
# What the numbered scripts share. Every value can be given in the environment.

: "${NODES:=srv1 srv2 srv3}"                 # the cluster's nodes, as they resolve on all of them
: "${CLUSTER:=paf}"                          # the cluster's name
: "${PGBIN:=/usr/lib/postgresql/15/bin}"
: "${PGDATA:=/var/lib/postgresql/15/main}"
: "${PGPORT:=5434}"
: "${PGSOCKET:=/run/postgresql}"              # the directory of PostgreSQL's and PgBouncer's Unix sockets
: "${REPLICATION_PORT:=5437}"                 # HAProxy's replication_port
: "${NETWORK:=samenet}"                      # clients and nodes, as pg_hba.conf writes addresses
: "${FENCE_AGENT:=}"                         # such as fence_ipmilan; 30-fencing.sh needs it
: "${FENCE_OPTIONS:=}"                       # words for pcs stonith create
: "${FENCE_DEVICES:=}"                       # if each node has its own device: lines "NODE WORD..."
: "${SLOWNESS:=1}"                           # how many times slower the machines are than usual
: "${CIB:=}"                                 # a file: changes are made there (90-push.sh sends it)
: "${CONNINFO:=host=127.0.0.1 port=$REPLICATION_PORT}"  # where a standby finds the primary
: "${PG_HBA:=}"                              # more lines for pg_hba.conf, before all others
# shellcheck disable=SC2034
read -ra NODE_LIST <<<"$NODES"

# An interval or timeout of so many seconds on the usual machine, on these.
seconds() {
    printf '%ss' "$(($1 * SLOWNESS))"
}

# pcs, on the file $CIB if there is one.
cib() {
    if [ -n "$CIB" ]; then pcs -f "$CIB" "$@"; else live "$@"; fi
}

# pcs, on the running cluster, which is sent nothing but the difference. By itself pcs 0.11 sends the
# whole configuration back after "constraint", "resource update" and others. A score that PAF has
# written in the meantime is lost then; PAF's monitor waits for it until it times out, and Pacemaker
# demotes the primary for that.
live() (
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    pcs cluster cib "$work/cib"
    cp "$work/cib" "$work/before"
    pcs -f "$work/cib" "$@"
    pcs cluster cib-push "$work/cib" "diff-against=$work/before"
)

# pcs, where it asks other nodes' pcsd: it gives up on one after 60 s, and cluster setup, for one, knows
# no --request-timeout.
pcs_nodes() {
    if [ "$SLOWNESS" = 1 ]; then
        pcs "$@"
        return
    fi
    /usr/bin/python3 -c '
import sys
from pcs import app, settings
settings.default_request_timeout = int(sys.argv[1])
app.main(sys.argv[2:])' "$((60 * SLOWNESS))" "$@"
}

# Whether the cluster's configuration has something, by XPath. Not with pcs, which needs 0.6 s.
have() {
    if [ -n "$CIB" ]; then local -x CIB_file=$CIB; fi
    cibadmin --query --xpath "$1" >/dev/null 2>&1
}

# The words of FENCE_DEVICES for a node: the options of its own device.
device_options() {
    awk -v node="$1" '$1 == node { $1 = ""; print; found = 1 } END { exit !found }' <<<"$FENCE_DEVICES"
}

# Creates a fence device, unless it exists, through `cib` or `live`.
#   fence_device cib|live NAME "NODE..." WORD...
fence_device() {
    local way=$1 name=$2 nodes=$3
    shift 3
    if have "//primitive[@id='$name']"; then return; fi
    if [ -z "$FENCE_AGENT" ]; then
        echo "FENCE_AGENT is not set: export FENCE_AGENT=... FENCE_OPTIONS=\"...\" (pcs stonith list)" >&2
        return 1
    fi
    local options
    read -ra options <<<"$FENCE_OPTIONS"
    "$way" stonith create "$name" "$FENCE_AGENT" "pcmk_host_list=$nodes" "${options[@]}" "$@" \
        op start "timeout=$(seconds 20)" op stop "timeout=$(seconds 20)" \
        op monitor "interval=$(seconds 60)" "timeout=$(seconds 30)"
}

# Creates the device of one node, from its line of FENCE_DEVICES.
#   fence_node cib|live NODE
fence_node() {
    local way=$1 node=$2 line options
    if have "//primitive[@id='fence-$node']"; then return; fi
    if ! line=$(device_options "$node"); then
        echo "FENCE_DEVICES has no line for $node: add one, such as '$node ip=ADDRESS'" >&2
        return 1
    fi
    read -ra options <<<"$line"
    fence_device "$way" "fence-$node" "$node" "${options[@]}"
    # Another node must fence it, so the device is not for the node itself.
    # By force: a node that is being added is not a member yet.
    "$way" constraint location "fence-$node" avoids "$node" --force
}

# The nodes that can be fenced, but for one.
fenced_without() {
    crm_resource --resource fence --get-parameter pcmk_host_list | tr -s ' ' '\n' |
        grep -vxF -e "$1" | paste -sd' '
}

# Whether a node is in Corosync's list of nodes. Its whole name counts: srv1 is not srv1-b.
is_member() {
    awk -v node="$1" '$1 == "name:" && $2 == node { found = 1 } END { exit !found }' \
        "${2:-/etc/corosync/corosync.conf}"
}

# The lines of the standard input that a file does not have; comments and numbers of blanks do not
# count. All of them if there is no such file.
missing_lines() {
    local file=$1
    if [ ! -e "$file" ]; then file=/dev/null; fi
    awk -v file="$file" '
        function bare(line) { gsub(/[ \t]+/, " ", line); sub(/^ /, "", line); sub(/ $/, "", line); return line }
        BEGIN { while ((getline line < file) > 0) have[bare(line)] = 1 }
        bare($0) != "" && $0 !~ /^[ \t]*#/ && !(bare($0) in have)'
}

# Gives a file of passwords (libpq's .pgpass) the password of one user; other lines stay.
#   remember_password FILE OWNER USER PASSWORD
remember_password() {
    local file=$1 owner=$2 user=$3 password=$4 new
    password=${password//\\/\\\\}
    new=$(mktemp "$file.XXXXXX")
    if [ -e "$file" ]; then
        awk -v start="*:*:*:$user:" 'index($0, start) != 1' "$file" >"$new"
    fi
    printf '*:*:*:%s:%s\n' "$user" "${password//:/\\:}" >>"$new"
    chown "$owner:" "$new"
    chmod 600 "$new"
    mv "$new" "$file"
}
