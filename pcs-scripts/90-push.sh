#!/usr/bin/env bash
# Sends the file $CIB, on which the scripts before worked, to the cluster, in one step.
# The file was made by: pcs cluster cib "$CIB"
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

: "${CIB:?the file to send}"
pcs cluster cib-push "$CIB" "diff-against=$CIB.before"
