#!/usr/bin/env bash
# install-agent.sh SOURCE [DESTDIR]: puts the agent from a source tree where Pacemaker finds it.
set -euo pipefail

source=${1:?the source tree}
root=${2:-}
share=/usr/share/paf-haproxy
agent=$root/usr/lib/ocf/resource.d/paf/haproxy

# Pacemaker may run the agent at any moment: everything is made beside its place, then moved there.
into_place() {
    rm -rf "$1.old"
    if [ -e "$1" ]; then mv "$1" "$1.old"; fi
    mv "$1.new" "$1"
    rm -rf "$1.old"
}

new=$root$share/paf_haproxy.new
rm -rf "$new" "$root$share/templates.new"
install -d "$new/actions" "$new/cli" "$root$share/templates.new" "$(dirname "$agent")" "$root/usr/sbin"
install -m 644 "$source"/lib/paf_haproxy/*.py "$new/"
install -m 644 "$source"/lib/paf_haproxy/actions/*.py "$new/actions/"
install -m 644 "$source"/lib/paf_haproxy/cli/*.py "$new/cli/"
install -m 644 "$source"/haproxy/* "$root$share/templates.new/"
# Byte-compiled: a notify is the faster for it.
/usr/bin/python3 -m compileall -q -f -s "$new" -p "$share/paf_haproxy" "$new"

into_place "$root$share/paf_haproxy"
into_place "$root$share/templates"
install -m 755 "$source/agents/haproxy" "$agent.new"
mv "$agent.new" "$agent"
install -m 755 "$source/bin/paf-haproxy" "$root/usr/sbin/paf-haproxy.new"
mv "$root/usr/sbin/paf-haproxy.new" "$root/usr/sbin/paf-haproxy"
