#!/usr/bin/env bash
# Adds a node that runs HAProxy alone, in front of the others' PostgreSQL. Run on a member:
#   82-add-proxy.sh NODE
# Before it, on the new node: the packages, the agent; PostgreSQL is not needed. After it, on the new
# node: 22-first-start.sh, then pcs cluster start. 85-remove-node.sh takes it away again.
# It votes, and must be fenced, like any other node; for dozens of them see Pacemaker Remote.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

node=${1:?the node to add}
if ! have "//rsc_location[@rsc='pgsqld-clone' and @node='$node']"; then
    # By force: before it joins, so that Pacemaker never looks for PostgreSQL there.
    live constraint location pgsqld-clone avoids "$node" --force
fi
# Without it every node of the cluster is taken for one with PostgreSQL.
live resource update haproxy "nodes=$NODES"
exec bash "$(dirname "$0")/80-add-node.sh" "$node"
