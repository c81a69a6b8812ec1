"""The cluster on the nodes: the agent, PostgreSQL, and the pcs scripts, run as a DBA would."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import agent
from .errors import LabError
from .layout import DATABASE_NODES, PGBIN, PGDATA, REPO, SECRETS
from .machine import Machine
from .node import LOG_SINK, NODES, Node
from .shell import together

CIB = "/root/cluster.cib"
COROSYNC = "etc/corosync/corosync.conf"
BALLAST = ("/run/fill", "/run/fill2", "/var/lib/postgresql/fill", "/var/lib/postgresql/fill2")
"""What a drill that was killed may have left on a disk that it filled."""
SETTINGS = "/root/paf-haproxy.env"
REBUILD = f". {SETTINGS}; rm -rf {PGDATA}; bash {agent.SCRIPTS}/40-postgresql.sh standby $PRIMARY"
"""Command that makes the instance of a node anew from $PRIMARY's, as an inventory names it."""
LOCKS = "/run/paf-lab-script"
CAN_FOLLOW = (" shut down", " shut down in recovery", " in archive recovery")


def make_secrets() -> None:
    """Makes the lab's passwords on first use, and keeps them for root alone."""
    SECRETS.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("hacluster", "replicator", "app", "pooler"):
        file = SECRETS / name
        if not file.exists():
            new = SECRETS / f"{name}.new"
            new.touch(mode=0o600)
            new.write_text(secrets.token_hex(12))
            new.rename(file)  # whole or not at all


def secret(name: str) -> str:
    """Returns the lab's password of that name."""
    try:
        return (SECRETS / name).read_text()
    except FileNotFoundError as error:
        raise LabError(f"the lab has no password for {name}: lab up") from error


def settings(more: Mapping[str, str]) -> str:
    """Returns what the pcs scripts read, as the text of a shell script. more: a topology's own."""
    values = {
        "NODES": " ".join(DATABASE_NODES),
        "HACLUSTER_PASSWORD": secret("hacluster"),
        "REPLICATOR_PASSWORD": secret("replicator"),
        "APP_PASSWORD": secret("app"),
        "POOLER_PASSWORD": secret("pooler"),
        "DC_DEADTIME": "2s",
        "PGBIN": PGBIN,
        "PGDATA": PGDATA,
        "FENCE_AGENT": "fence_paf_lab",
        **more,
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def script(node: Node, name: str, *arguments: str, cib: bool = False, timeout: float = 180) -> None:
    """Runs one of the pcs scripts on a node, on the CIB file if `cib` is set."""
    # The passwords stand in a file of root's, not in anybody's process list.
    # The lock: a script of a lab up that was killed may still be at work.
    path = f"{agent.SCRIPTS}/{name}.sh"
    words = " ".join(["flock", "-o", f"{LOCKS}.{name}", "bash", path, *arguments])
    where = f"CIB={CIB}" if cib else "CIB="
    node.run("sh", "-c", f". {SETTINGS}; {where} {words}", timeout=timeout)


def logging(node: Node) -> None:
    """Lets the node's rsyslog send to log-sink, and log-sink receive."""
    name = "sink" if node is LOG_SINK else "node"
    text = (REPO / "provision" / f"rsyslog-{name}.conf").read_text()
    file = node.root / f"etc/rsyslog.d/10-paf-{name}.conf"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
        node.run("systemctl", "restart", "rsyslog")


def prepare(node: Node, more: Mapping[str, str]) -> None:
    """Makes a booted node ready for the cluster: logs, agent, the password of hacluster.

    more: what the pcs scripts are to read besides the lab's own.
    """
    logging(node)
    if node is not LOG_SINK:
        agent.install(node)
        node.run("rm", "-f", *BALLAST)
        file = node.root / SETTINGS.lstrip("/")
        if not file.exists() or file.read_text() != settings(more):
            file.touch(mode=0o600)
            file.write_text(settings(more))
            node.run("chpasswd", input=f"hacluster:{secret('hacluster')}\n")


def joined() -> bool:
    """Returns whether the nodes have been set up as one cluster, running or not."""
    found = {_read(node.root / COROSYNC) for node in NODES}
    return len(found) == 1 and found != {""}


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def online(node: Node) -> bool:
    """Returns whether Pacemaker of a node sees all nodes online."""
    done = node.run("crm_mon", "-1", "--output-as=xml", check=False)
    return sum('online="true"' in line for line in done.stdout.splitlines()) == len(NODES)


def formed(resource: str) -> bool:
    """Returns whether the cluster, which runs, has its resources. They come in one step."""
    words = ("cibadmin", "--query", "--xpath", f"//primitive[@id='{resource}']")
    return NODES[0].run(*words, check=False).returncode == 0


def databases(more: Callable[[Node], None] = lambda _: None) -> None:
    """Makes the first instance and copies it to the other nodes, before Pacemaker runs them.

    more: is done on the first one before.
    """
    first, *others = NODES
    script(first, "40-postgresql", "primary")
    more(first)
    # A copy takes two of the primary's max_wal_senders, 10.
    for start in range(0, len(others), 4):
        some = others[start : start + 4]
        together(lambda node: script(node, "40-postgresql", "standby", first.name), some)
    script(first, "40-postgresql", "stop")


def join() -> None:
    """Makes the nodes a cluster with a quorum."""
    first = NODES[0]
    script(first, "10-host-auth")
    # What an interrupted setup has left on some of the nodes.
    for node in NODES:
        if (node.root / COROSYNC).exists():
            node.run("pcs", "cluster", "destroy", timeout=120)
    script(first, "20-cluster-setup")
    together(lambda node: script(node, "22-first-start"), NODES)
    script(first, "25-cluster-start")


def configure(scripts: Sequence[str], more: Callable[[Callable[..., object]], None]) -> None:
    """Makes the resources and their constraints, in one step. more: is given pcs, on the file that
    is sent then.
    """
    first = NODES[0]
    first.run("rm", "-f", CIB, f"{CIB}.before")
    first.run("pcs", "cluster", "cib", CIB)
    first.run("cp", CIB, f"{CIB}.before")
    for name in scripts:
        script(first, name, cib=True)
    more(lambda *words: first.run("pcs", "-f", CIB, *words))
    script(first, "90-push", cib=True)


def start() -> None:
    """Starts the cluster on nodes that are set up.

    Where it runs on others and they have a primary, a node joins them like one that was lost.
    """
    if online(NODES[0]):
        return
    if (leads := promoted()) is not None:
        for node in NODES:
            if absent(node):
                bring_back(node, leads)
    together(lambda node: script(node, "22-first-start"), NODES)
    # This is faster than pcsd.
    together(lambda node: node.run("systemctl", "start", "corosync", "pacemaker"), NODES)
    end = time.monotonic() + 90
    while not online(NODES[0]):
        if time.monotonic() > end:
            raise LabError("Pacemaker does not see all nodes online after 90 s: lab status")
        time.sleep(0.2)


def absent(node: Machine) -> bool:
    """Returns whether a node has booted, and the cluster does not run on it."""
    if not node.running:
        return False
    words = ("systemctl", "show", "-P", "ActiveState", "pacemaker", "multi-user.target")
    try:
        states = node.run(*words, check=False, timeout=10).stdout.split()
    except LabError:
        return False  # it went down under our hands
    return states in (["inactive", "active"], ["failed", "active"])


def can_follow(control: str) -> bool:
    """Returns whether an instance can be started as a standby, by what pg_controldata says."""
    lines = [line for line in control.splitlines() if line.startswith("Database cluster state:")]
    return any(line.endswith(state) for line in lines for state in CAN_FOLLOW)


def bring_back(node: Node, leads: str | None, rebuild: bool = False) -> str:
    """Starts the cluster on a node that was lost. Returns the node from which its instance was
    copied before, or ''.

    leads: the primary now.
    """

    def anew(primary: str) -> None:
        node.run("rm", "-rf", PGDATA)
        script(node, "40-postgresql", "standby", primary)

    return rejoin(node, leads, rebuild, (f"{PGBIN}/pg_controldata", PGDATA), anew)


def rejoin(
    node: Machine,
    leads: str | None,
    rebuild: bool,
    control: Sequence[str],
    anew: Callable[[str], None],
) -> str:
    """Starts the cluster on a node that was lost. Returns the node from which its instance was
    copied before, or ''.

    leads: the primary now. rebuild: whether the instance is made anew in any case. control: the
    command that prints pg_controldata's text. anew: copies the instance of the primary that it is
    given. An instance that was a primary when its node was lost may have what no other has; PAF
    would neither demote nor stop it, nor one that broke off a crash recovery.
    """
    copied = ""
    if leads is not None and leads != node.name:
        state = node.run(*control, check=False).stdout
        if rebuild or not can_follow(state):
            copied = leads
            anew(copied)
    node.run("systemctl", "start", "corosync", "pacemaker", timeout=90)
    return copied


def promoted() -> str | None:
    """Returns the node on which PAF has promoted PostgreSQL."""
    for node in NODES:
        if node.running:
            done = node.run("crm_resource", "-r", "pgsqld-clone", "--locate", check=False)
            for line in done.stdout.splitlines():
                words = line.rpartition(": ")[2].split()
                if len(words) == 2 and words[1] in ("Promoted", "Master"):
                    return words[0]
    return None
