"""The cluster on the nodes: the agent, PostgreSQL, and the pcs scripts, run as a DBA would."""

from __future__ import annotations

import secrets
import shlex
import time
from pathlib import Path

from . import agent
from .errors import LabError
from .layout import DATABASE_NODES, SECRETS
from .node import LOG_SINK, NODES, Node, named
from .shell import together

CIB = "/root/cluster.cib"
COROSYNC = "etc/corosync/corosync.conf"
SETTINGS = "/root/paf-haproxy.env"
LOCKS = "/run/paf-lab-script"
PGBIN = "/usr/lib/postgresql/15/bin"
PGDATA = "/var/lib/postgresql/15/main"
SINK_CONF = """\
module(load="imtcp")
template(name="per-node" type="string" string="/var/log/%HOSTNAME%/syslog")
ruleset(name="nodes") { action(type="omfile" dynaFile="per-node" dirCreateMode="0755") }
input(type="imtcp" port="514" ruleset="nodes")
"""
NODE_CONF = """\
$ActionFileDefaultTemplate RSYSLOG_FileFormat
*.* action(type="omfwd" target="log-sink" port="514" protocol="tcp"
           template="RSYSLOG_ForwardFormat" action.resumeRetryCount="-1"
           action.resumeInterval="1" queue.type="linkedList" queue.size="20000")
"""


def make_secrets() -> None:
    """Makes the lab's passwords on first use, and keeps them for root alone."""
    SECRETS.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("hacluster", "replicator", "app"):
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


def settings() -> str:
    """Returns what the pcs scripts read, as the text of a shell script."""
    values = {
        "NODES": " ".join(DATABASE_NODES),
        "HACLUSTER_PASSWORD": secret("hacluster"),
        "REPLICATOR_PASSWORD": secret("replicator"),
        "APP_PASSWORD": secret("app"),
        "DC_DEADTIME": "2s",
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
    name, text = ("sink", SINK_CONF) if node is LOG_SINK else ("node", NODE_CONF)
    file = node.root / f"etc/rsyslog.d/10-paf-{name}.conf"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
        node.run("systemctl", "restart", "rsyslog")


def prepare(node: Node) -> None:
    """Makes a booted node ready for the cluster: logs, agent, the password of hacluster."""
    logging(node)
    if node is not LOG_SINK:
        agent.install(node)
        file = node.root / SETTINGS.lstrip("/")
        if not file.exists() or file.read_text() != settings():
            file.touch(mode=0o600)
            file.write_text(settings())
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


def formed() -> bool:
    """Returns whether the cluster, which runs, has our resources. They come in one step."""
    words = ("cibadmin", "--query", "--xpath", "//primitive[@id='haproxy']")
    return NODES[0].run(*words, check=False).returncode == 0


def databases() -> None:
    """Makes the first instance and copies it to the other nodes, before Pacemaker runs them."""
    first, *others = NODES
    script(first, "40-postgresql", "primary")
    together(lambda node: script(node, "40-postgresql", "standby", first.name), others)
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
    together(lambda node: script(node, "22-first-election"), NODES)
    script(first, "25-cluster-start")


def configure() -> None:
    """Makes the resources and their constraints, in one step."""
    first = NODES[0]
    first.run("rm", "-f", CIB, f"{CIB}.before")
    first.run("pcs", "cluster", "cib", CIB)
    first.run("cp", CIB, f"{CIB}.before")
    for name in ("30-fencing", "50-paf", "60-haproxy", "70-constraints"):
        script(first, name, cib=True)
    script(first, "90-push", cib=True)


def start() -> None:
    """Starts the cluster on nodes that are set up."""
    if online(NODES[0]):
        return
    together(lambda node: script(node, "22-first-election"), NODES)
    # This is faster than pcsd.
    together(lambda node: node.run("systemctl", "start", "corosync", "pacemaker"), NODES)
    end = time.monotonic() + 90
    while not online(NODES[0]):
        if time.monotonic() > end:
            raise LabError("Pacemaker does not see all nodes online after 90 s: lab status")
        time.sleep(0.2)


def absent(node: Node) -> bool:
    """Returns whether a node has booted, and the cluster does not run on it."""
    if not node.running:
        return False
    words = ("systemctl", "show", "-P", "ActiveState", "pacemaker", "multi-user.target")
    try:
        states = node.run(*words, check=False, timeout=10).stdout.split()
    except LabError:
        return False  # it went down under our hands
    return states in (["inactive", "active"], ["failed", "active"])


def bring_back(node: Node, leads: str | None, rebuild: bool = False) -> str:
    """Starts the cluster on a node that was lost. Returns the node from which its instance was
    copied before, or ''.

    leads: the primary now. An instance that was a primary when its node was lost may have what no
    other has; PAF would neither demote nor stop it.
    """
    copied = ""
    if leads not in (None, node.name):
        control = f"{PGBIN}/pg_controldata {PGDATA} | grep 'cluster state'"
        state = node.run("sh", "-c", control, check=False).stdout
        if rebuild or "in production" in state or not state:
            copied = str(leads)
            node.run("rm", "-rf", PGDATA)
            script(node, "40-postgresql", "standby", copied)
    node.run("systemctl", "start", "corosync", "pacemaker", timeout=90)
    return copied


def rebuild_stuck() -> None:
    """Makes the standbys anew that run and do not stream from the primary."""
    leads = promoted()
    if leads is None:
        return
    query = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
    done = named(leads).run("psql", "-XAtp", "5434", "-c", query, user="postgres", check=False)
    streaming = {leads, *done.stdout.split()}
    for node in NODES:
        if node.running and node.name not in streaming:
            node.run("systemctl", "stop", "pacemaker", "corosync", timeout=120)
            bring_back(node, leads, rebuild=True)


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


def healthy() -> str:
    """Returns '' if writes and replication run through every node, or in a line why not."""
    try:
        return _lacking()
    except LabError as error:  # a node that is going down under our hands
        return str(error)


def _lacking() -> str:
    primary = promoted()
    if primary is None:
        return "no primary is promoted"
    for node in NODES:
        if not node.running:
            return f"{node.name} does not run"
        state = node.run("ncat", "--recv-only", "127.0.0.1", "5431", check=False).stdout.strip()
        expected = "production" if node.name == primary else "standby"
        if state != expected:
            return f"{node.name} says {state or 'nothing'} on 5431, not {expected}"
        for port, pool in ((5432, "prod"), (5433, "stdby")):
            words = ("psql", "-XAtwc", "SELECT 1", "-h", "127.0.0.1", "-p", str(port), "-U", "app")
            done = node.run("env", "PGCONNECT_TIMEOUT=5", *words, check=False, timeout=20)
            if done.returncode:
                return f"{pool} does not answer on {node.name}: {done.stderr.strip()[-200:]}"
    query = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    ask = ("psql", "-XAtp", "5434", "-c", query)
    streaming = named(primary).run(*ask, user="postgres", check=False).stdout.strip()
    if streaming != str(len(NODES) - 1):
        return f"{streaming or 'none'} of {len(NODES) - 1} standbys stream from {primary}"
    return ""


def await_healthy(within: float = 120, mend_after: float | None = None) -> None:
    """Returns once the cluster is healthy. Raises LabError with what it lacks after `within` s.

    What only a person could mend is mended if it is not healthy after `mend_after` s.
    """
    start = time.monotonic()
    steps = [] if mend_after is None else [(mend_after, mend), (within / 2, rebuild_stuck)]
    while why := healthy():
        passed = time.monotonic() - start
        if passed > within:
            raise LabError(f"the cluster is not healthy after {within:g} s: {why}: lab status")
        for node in () if mend_after is None else NODES:
            if absent(node):
                bring_back(node, promoted())
        if steps and passed > steps[0][0] and at_rest():
            _, step = steps.pop(0)
            step()
        time.sleep(0.3)


def at_rest() -> bool:
    """Returns whether Pacemaker has nothing to do. A failure that is forgotten before it has been
    acted upon, of a stop above all, can end in two primaries.
    """
    node = NODES[0]
    dc = node.run("crmadmin", "--dc_lookup", check=False).stdout.rpartition(": ")[2].strip()
    return bool(dc) and "S_IDLE" in node.run("crmadmin", "--status", dc, check=False).stdout


def mend() -> None:
    """Takes back what keeps a node or its resources out: failures, moves, bans, standby, and
    maintenance."""
    node = NODES[0]
    node.run(
        "crm_attribute",
        "--type",
        "crm_config",
        "--name",
        "maintenance-mode",
        "--delete",
        check=False,
    )
    for resource in ("pgsqld-clone", "haproxy-clone"):
        node.run("crm_resource", "--clear", "--resource", resource, check=False)
    for other in DATABASE_NODES:
        node.run("crm_standby", "--delete", "--node", other, check=False)
    node.run("crm_resource", "--cleanup", check=False)
