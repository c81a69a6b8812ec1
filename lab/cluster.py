"""The cluster on the nodes: the agent, PostgreSQL, and the pcs scripts, run as a DBA would."""

from __future__ import annotations

import secrets
import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from .errors import LabError
from .layout import DATABASE_NODES, REPO, SECRETS
from .node import LOG_SINK, NODES, Node, named

SCRIPTS = "/usr/share/paf-haproxy/pcs-scripts"
CIB = "/root/cluster.cib"
SETTINGS = "/root/paf-haproxy.env"
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
           queue.type="linkedList" queue.size="20000")
"""


def secret(name: str) -> str:
    """Returns the lab's password of that name, made on first use and kept for root alone."""
    SECRETS.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = SECRETS / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(12))
    return file.read_text()


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
    words = " ".join(["bash", f"{SCRIPTS}/{name}.sh", *arguments])
    where = f"CIB={CIB}" if cib else "CIB="
    node.run("sh", "-c", f". {SETTINGS}; {where} {words}", timeout=timeout)


def logging(node: Node) -> None:
    """Lets the node's rsyslog send to log-sink, and log-sink receive."""
    name, text = ("sink", SINK_CONF) if node is LOG_SINK else ("node", NODE_CONF)
    file = node.root / f"etc/rsyslog.d/10-paf-{name}.conf"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
        node.run("systemctl", "restart", "rsyslog")


def install_agent(node: Node) -> None:
    """Puts the agent, the pcs scripts and the fence agent of this source tree onto a node."""
    parts = ["agents", "lib/paf_haproxy", "haproxy", "provision", "pcs-scripts"]
    command = ["tar", "-C", str(REPO), "--exclude=__pycache__", "-cz", *parts]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    unpack = (
        "rm -rf /root/paf-haproxy && mkdir -p /root/paf-haproxy && cd /root/paf-haproxy"
        " && tar -xz && bash provision/install-agent.sh . && install -m 755"
        f" provision/fence_paf_lab /usr/sbin/ && rm -rf {SCRIPTS} && cp -r pcs-scripts {SCRIPTS}"
    )
    done = subprocess.run(node.enter("sh", "-c", unpack), input=archive, capture_output=True)
    if done.returncode:
        raise LabError(f"{node.name}: the agent cannot be installed: {done.stderr.decode()[-300:]}")


def prepare(node: Node) -> None:
    """Makes a booted node ready for the cluster: logs, agent, the password of hacluster."""
    logging(node)
    if node is not LOG_SINK:
        install_agent(node)
        file = node.root / SETTINGS.lstrip("/")
        file.touch(mode=0o600)
        file.write_text(settings())
        node.run("chpasswd", input=f"hacluster:{secret('hacluster')}\n")


def formed() -> bool:
    """Returns whether the nodes are a cluster that has our resources."""
    first = NODES[0]
    if not (first.root / "etc/corosync/corosync.conf").exists():
        return False
    done = first.run("cibadmin", "--query", "--xpath", "//primitive[@id='haproxy']", check=False)
    return done.returncode == 0


def databases() -> None:
    """Makes the first instance and copies it to the other nodes."""
    first, *others = NODES
    script(first, "40-postgresql", "primary")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: script(node, "40-postgresql", "standby", first.name), others))
    script(first, "40-postgresql", "stop")


def join() -> None:
    """Makes the nodes a cluster with a quorum."""
    first = NODES[0]
    script(first, "10-host-auth")
    script(first, "20-cluster-setup")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: script(node, "22-first-election"), NODES))
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
    """Starts the cluster on nodes that have it already; they do so themselves when they boot."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: node.run("systemctl", "start", "corosync", "pacemaker"), NODES))


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


def await_healthy(within: float = 120) -> None:
    """Returns once the cluster is healthy. Raises LabError with what it lacks after `within` s."""
    end = time.monotonic() + within
    while why := healthy():
        if time.monotonic() > end:
            raise LabError(f"the cluster is not healthy after {within:g} s: {why}: lab status")
        time.sleep(0.3)
