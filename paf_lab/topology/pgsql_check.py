"""HAProxy's pgsql-check, which sees a login that is refused; pg_hba.conf changes with the role."""

from __future__ import annotations

from collections.abc import Mapping

from ..layout import PGDATA
from ..node import Node
from . import proxy
from .paf import GUARD, Pcs
from .proxy import OnPafWithProxy

HBA = f"{PGDATA}/pg_hba.conf"
SCRIPT = "/usr/local/sbin/check-hba"
USERS = {"prod": "check_primary", "stdby": "check_standby"}
# Pacemaker runs alert agents as hacluster.
ALERT = f"""#!/bin/sh
# An alert agent of Pacemaker's: called after each action of a resource on this node.
[ "$CRM_alert_kind/$CRM_alert_rsc/$CRM_alert_rc" = resource/pgsqld/0 ] || exit 0
[ "$CRM_alert_node" = "$(uname -n)" ] || exit 0
exec sudo {SCRIPT} "$CRM_alert_task"
"""
REWRITE = f"""#!/bin/sh
# Lets in the user of the role that PostgreSQL has from now on, and refuses the other.
case $1 in
promote) yes=check_primary no=check_standby ;;
start | demote) yes=check_standby no=check_primary ;;
*) exit 0 ;;
esac
sed -i "s/^\\(host all $yes samenet\\).*/\\1 scram-sha-256/" {HBA}
sed -i "s/^\\(host all $no samenet\\).*/\\1 reject/" {HBA}
kill -HUP "$(head -1 {PGDATA}/postmaster.pid)"
"""


class PgsqlCheck(OnPafWithProxy):
    """An alert agent rewrites pg_hba.conf; the way that Percona shows does it by a callback."""

    name = "pgsql-check"
    summary = "PAF, and HAProxy's pgsql-check with pg_hba.conf rewritten on each role change"

    def environment(self, node: Node) -> Mapping[str, str]:
        users = (
            "host all check_primary samenet reject\nhost all check_standby samenet scram-sha-256"
        )
        return {**super().environment(node), "PG_HBA": f"{GUARD}\n{users}"}

    def equip(self, node: Node) -> None:
        scripts = {"usr/local/sbin/alert-hba": ALERT, SCRIPT.lstrip("/"): REWRITE}
        for path, text in scripts.items():
            file = node.root / path
            file.write_text(text)
            file.chmod(0o755)
        sudoers = node.root / "etc/sudoers.d/check-hba"
        sudoers.write_text(f"hacluster ALL=(root) NOPASSWD: {SCRIPT}\n")
        sudoers.chmod(0o440)

    def resources(self, pcs: Pcs) -> None:
        pcs("alert", "create", "path=/usr/local/sbin/alert-hba", "id=check-hba")

    def sections(self) -> tuple[str, ...]:
        return tuple(
            proxy.pool(name, (f"option pgsql-check user {user}",)) for name, user in USERS.items()
        )
