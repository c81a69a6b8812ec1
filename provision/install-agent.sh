#!/usr/bin/env bash
# install-agent.sh SOURCE [DESTDIR]: puts the agent from a source tree where Pacemaker finds it.
set -euo pipefail

source=${1:?the source tree}
root=${2:-}
share=$root/usr/share/paf-haproxy

install -d "$share/paf_haproxy" "$share/templates" "$root/usr/lib/ocf/resource.d/paf"
install -m 644 "$source"/lib/paf_haproxy/*.py "$share/paf_haproxy/"
install -m 644 "$source"/haproxy/* "$share/templates/"
install -m 755 "$source/agents/haproxy" "$root/usr/lib/ocf/resource.d/paf/haproxy"
# Byte-compiled: a notify is the faster for it.
python3 -m compileall -q -f -s "$root" "$share/paf_haproxy"
