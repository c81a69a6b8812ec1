"""The programs of the cluster that a drill runs on a node: one function each."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from .. import replication
from ..access import Access
from ..errors import LabError
from ..layout import POSTGRESQL, SUITE
from ..machine import Machine
from .cluster import (
    ClusterState,
    parse_interval,
    parse_moves,
    parse_status,
)

PIDFILE = "/run/paf-haproxy/haproxy.pid"
"""It names HAProxy's master process."""
REJECTED = "/run/paf-haproxy/rejected"
"""It is there while the agent has rejected the configuration that Pacemaker asks for."""
HAPROXY = "^[^ ]*haproxy .*-f /run/paf-haproxy/"
"""The command line of the agent's HAProxy processes, for pgrep -f."""
SHORT = ("based", "fenced", "execd", "attrd", "schedulerd", "controld")
DAEMONS = tuple(f"pacemaker-{short}" for short in SHORT)
"""What pacemakerd starts."""


def missing_daemons(node: Machine) -> list[str]:
    """Returns which of Pacemaker's daemons a node lacks; none if Pacemaker does not run there."""
    script = (
        "pidof pacemakerd >/dev/null && for name; do pidof $name >/dev/null || echo $name; done"
    )
    try:
        return node.run("sh", "-c", script, "sh", *DAEMONS, check=False).stdout.split()
    except LabError:
        return []  # the node is down


def status(node: Machine) -> ClusterState:
    return parse_status(node.run("crm_mon", "-1", "--output-as=xml").stdout)


def idle(node: Machine, dc: str) -> bool:
    """Returns whether the controller on the DC has nothing to do. A DC that has just died gives no
    answer, which crmadmin would wait for.
    """
    return "S_IDLE" in node.run("timeout", "5", "crmadmin", "--status", dc, check=False).stdout


def moves(node: Machine) -> tuple[str, ...]:
    """Returns the ids of constraints that moves and bans have left."""
    return parse_moves(node.run("cibadmin", "--query", "--scope", "constraints").stdout)


def pooled(nodes: Iterable[Machine]) -> bool:
    """Returns whether PgBouncer runs on all of these nodes."""
    ask = ("systemctl", "is-active", "--quiet", "pgbouncer")
    return all(node.run(*ask, check=False).returncode == 0 for node in nodes)


def monitor_interval(node: Machine, resource: str, role: str) -> float | None:
    """Returns the monitor's interval in s for a role, None if there is no such monitor."""
    xpath = f"//primitive[@id='{resource}']"
    return parse_interval(node.run("cibadmin", "--query", "--xpath", xpath).stdout, role)


def move(node: Machine, clone: str, target: str) -> None:
    """Lets Pacemaker move the promoted role to the target; `clear` takes the constraint away."""
    node.run("crm_resource", "--move", "--promoted", "--resource", clone, "--node", target)


def ban(node: Machine, clone: str, where: str) -> None:
    """Bans a clone from a node; `clear` lets it come back."""
    node.run("crm_resource", "--ban", "--resource", clone, "--node", where)


def clear(node: Machine, clone: str) -> None:
    """Takes away every constraint that moves and bans of the clone have left."""
    node.run("crm_resource", "--clear", "--resource", clone)


def cleanup(node: Machine, resource: str | None = None) -> None:
    """Forgets the failures of a resource, or of all: the fence device's, too."""
    words = () if resource is None else ("--resource", resource)
    node.run("crm_resource", "--cleanup", *words)


def set_parameter(node: Machine, resource: str, name: str, value: str) -> None:
    """Changes a parameter of a resource while it runs."""
    words = ("--set-parameter", name, "--parameter-value", value)
    node.run("crm_resource", "--resource", resource, *words)


def maintenance(node: Machine, on: bool) -> None:
    """Lets Pacemaker leave all resources alone, or not any more."""
    words = ("--name", "maintenance-mode", "--update", "true" if on else "false")
    node.run("crm_attribute", "--type", "crm_config", *words)


def score(node: Machine, resource: str, where: str) -> int:
    """Returns the promotion score that PAF has given its instance on the node `where`."""
    words = ("crm_attribute", "--query", "--quiet", "--name", f"master-{resource}", "--node", where)
    return int(node.run(*words).stdout)


def signal_postmaster(node: Machine, access: Access, name: str) -> int:
    """Sends the node's postmaster a signal and returns its pid. Raises LabError if it has none."""
    pid = node.run("head", "-1", f"{access.pgdata}/postmaster.pid").stdout.strip()
    if not pid.isdecimal():
        raise LabError(f"{node.name} has no postmaster: {pid!r}")
    node.run("kill", f"-{name}", pid)
    return int(pid)


def psql(node: Machine, access: Access, script: str, database: str = "postgres") -> str:
    """Runs SQL as the superuser over the node's Unix socket; fields are split by a tab."""
    words = ("psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", access.pghost)
    where = ("-p", str(access.pgport), "-d", database, "-f", "-")
    return node.run(*words, *where, user="postgres", input=script).stdout


def streaming(node: Machine, access: Access) -> dict[str, str]:
    """Returns the standbys that follow this node, with their sync_state."""
    return replication.followers(psql(node, access, replication.SCRIPT))


def load(node: Machine) -> float:
    """Returns the node's load average of the last minute, per CPU."""
    average = float(node.run("cat", "/proc/loadavg").stdout.split()[0])
    return average / int(node.run("nproc").stdout)


def versions(node: Machine, more: Sequence[str] = ()) -> dict[str, str]:
    """Returns the versions of what was drilled, and of more packages."""
    packages = (
        *more,
        "pacemaker",
        "corosync",
        "pcs",
        "resource-agents-paf",
        "haproxy",
        f"postgresql-{POSTGRESQL[SUITE]}",
    )
    done = node.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages, check=False)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def haproxy(node: Machine, access: Access, command: str) -> str:
    """Returns what the HAProxy that runs answers to a runtime command; "" if there is none."""
    script = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(3);"
        " s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode() + b'\\n');"
        " sys.stdout.write(s.makefile().read())"
    )
    words = ("python3", "-c", script, access.admin_socket, command)
    return node.run(*words, check=False).stdout


def limit(node: Machine, access: Access) -> str:
    """Returns the most sessions that prod of the HAProxy that runs takes, e.g. '2000'."""
    text = haproxy(node, access, "show stat").lstrip("# ")
    for row in csv.DictReader(text.splitlines()):
        if (row["pxname"], row["svname"]) == ("prod", "FRONTEND"):
            return str(row["slim"])
    return ""


def haproxy_master(node: Machine) -> int | None:
    """Returns the pid, as the node sees it, of HAProxy's master process, by its pidfile."""
    text = node.run("cat", PIDFILE, check=False).stdout.strip()
    return int(text) if text.isdecimal() else None


def stopped(node: Machine, pid: int) -> bool:
    """Returns whether a process of the node is stopped, as by SIGSTOP."""
    return "T" in node.run("ps", "-o", "stat=", "-p", str(pid), check=False).stdout


def rejection(node: Machine) -> str:
    """Returns why the agent has rejected the configuration that it should use; "" if it has not."""
    return node.run("cat", REJECTED, check=False).stdout.strip()


def haproxy_pid(node: Machine, access: Access) -> int | None:
    """Returns the pid, as the node sees it, of the HAProxy that answers on the admin socket."""
    for line in haproxy(node, access, "show info").splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    return None
