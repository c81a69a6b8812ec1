#!/usr/bin/env bash
# Once, on one node: makes the nodes' pcsd trust each other.
# HACLUSTER_PASSWORD: of the OS user hacluster, the same on all nodes.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

: "${HACLUSTER_PASSWORD:?set it to the password of the OS user hacluster}"
printf '%s\n' "$HACLUSTER_PASSWORD" | pcs_nodes host auth "${NODE_LIST[@]}" -u hacluster
