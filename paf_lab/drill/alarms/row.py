"""What is done, and how many reports may come of it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

PRIMARY, STANDBY = "primary", "standby"
DATA = "/var/lib/postgresql/15/main"
CTL = f"runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl -s -w -D {DATA}"
PSQL = "runuser -u postgres -- psql -XqAt -p 5434 -c"
END_OURS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'haproxy'"
END_ALL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
POSTMASTER = f"$(head -1 {DATA}/postmaster.pid)"
KILL = f"kill -9 {POSTMASTER}"
START = f"{CTL} -l /dev/null start"


@dataclass(frozen=True)
class Row:
    """The scripts are for sh; they run on the victim, as root. seconds: how long is watched after
    `apply`. reports: how many there must be.
    """

    name: str
    text: str
    apply: str
    undo: str = "true"
    where: str = PRIMARY
    seconds: float = 6.0
    reports: int = 0


def parameter(name: str, value: str) -> str:
    """Returns the script that sets a parameter of the resource, and waits until it is in use."""
    set_it = f"--set-parameter {name} --parameter-value {value}"
    return f"crm_resource --resource haproxy {set_it}; sleep 7"


def deleted(name: str) -> str:
    return f"crm_resource --resource haproxy --delete-parameter {name}"


CLEAN = "crm_resource --cleanup"
OTHER = "/tmp/other-instance"  # noqa: S108 - of the lab's node
OTHER_CTL = f"runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl -s -w -D {OTHER}"
ROWS = (
    Row("crash", "kill -9 of the primary's postmaster (control: it is reported)",
        KILL, CLEAN, reports=1, seconds=12),
    Row("crash-twice", "the same, and HAProxy notes the end three more times",
        f"{KILL}; for i in 1 2 3; do sleep 0.2; date >/run/paf-haproxy/memory/ended; done",
        CLEAN, reports=1, seconds=12),
    Row("maintenance-mode", "kill -9 of the postmaster in maintenance mode",
        f"crm_attribute --name maintenance-mode --update true; sleep 2; {KILL}",
        f"{START}; sleep 3; crm_attribute --name maintenance-mode --delete"),
    Row("unmanaged", "the same while pgsqld is unmanaged",
        "crm_resource --resource pgsqld-clone --meta --set-parameter is-managed"
        f" --parameter-value false; sleep 2; {KILL}",
        f"{START}; sleep 3; crm_resource --resource pgsqld-clone --meta --delete-parameter"
        " is-managed"),
    Row("node-maintenance", "the same while the node is in maintenance",
        f"crm_attribute --node $(crm_node -n) --name maintenance --update true; sleep 2; {KILL}",
        f"{START}; sleep 3; crm_attribute --node $(crm_node -n) --name maintenance --delete"),
    Row("switched-off", "the same with crash_reports=0",
        f"{parameter('crash_reports', '0')}; {KILL}",
        f"sleep 20; {deleted('crash_reports')}; {CLEAN}", where=STANDBY),
    Row("limit", "the same after as many reports within an hour as crash_reports allows",
        "for i in $(seq 1000); do echo $(date +%s) $i 1; done >>/run/paf-haproxy/crashes;"
        f" {KILL}",
        f"sleep 20; rm /run/paf-haproxy/crashes; {CLEAN}", where=STANDBY),
    Row("stopped-fast", "somebody types pg_ctl stop, and starts it again",
        f"{CTL} stop -m fast; sleep 2; {START}", CLEAN, where=STANDBY),
    Row("stopped-at-once", "the same with -m immediate",
        f"{CTL} stop -m immediate; sleep 2; {START}", CLEAN, where=STANDBY),
    Row("restarted", "somebody types pg_ctl restart on the primary",
        f"{CTL} restart -m fast -l /dev/null", CLEAN),
    Row("package", "PostgreSQL's package is configured again, as in an upgrade",
        "dpkg-reconfigure -f noninteractive postgresql-15 </dev/null >/dev/null 2>&1", CLEAN),
    Row("backend-killed", "kill -9 of a backend: PostgreSQL restarts its processes itself",
        f"{PSQL} 'SELECT pg_sleep(60)' >/dev/null 2>&1 & sleep 1;"
        " kill -9 $(pgrep -f 'postgres: .*pg_sleep|postgres: .* SELECT' | head -1)",
        CLEAN, seconds=10),
    Row("checkpointer-killed", "kill -9 of the checkpointer",
        "kill -9 $(pgrep -f 'postgres: .*checkpointer' | head -1)", CLEAN, seconds=10),
    Row("session-ended", "pg_terminate_backend of the health-check session",
        f'{PSQL} "{END_OURS}"'),
    Row("all-sessions-ended", "pg_terminate_backend of every session",
        f'{PSQL} "{END_ALL}"'),
    Row("slots-taken", "every connection slot is taken for 5 s",
        "for i in $(seq 110); do runuser -u postgres -- psql -XqAt -p 5434"
        " -c 'SELECT pg_sleep(9)' >/dev/null 2>&1 & done; sleep 4;"
        f" if {PSQL} 'SELECT 1' >/dev/null 2>&1; then echo a slot is free >&2; exit 1; fi; sleep 7",
        seconds=4),
    Row("postmaster-paused", "SIGSTOP of the postmaster, SIGCONT after 3 s",
        f"kill -STOP {POSTMASTER}; sleep 3; kill -CONT {POSTMASTER}",
        f"kill -CONT {POSTMASTER}"),
    Row("all-paused", "SIGSTOP of every process of PostgreSQL, SIGCONT after 3 s",
        "pids=$(pgrep -u postgres -f 'postgres'); kill -STOP $pids; sleep 3; kill -CONT $pids",
        "kill -CONT $(pgrep -u postgres -f 'postgres')"),
    Row("connect-revoked", "the role haproxy may not connect any more, and its session ends",
        f"{PSQL} 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'; {PSQL} \"{END_OURS}\"",
        f"{PSQL} 'GRANT CONNECT ON DATABASE postgres TO PUBLIC'"),
    Row("reload", "HAProxy is reloaded", parameter("maxconn", "1998"), deleted("maxconn"),
        seconds=3),
    Row("haproxy-killed", "kill -9 of HAProxy", "kill -9 $(cat /run/paf-haproxy/haproxy.pid)"),
    Row("haproxy-paused", "SIGSTOP of HAProxy's worker, SIGCONT after 2 s",
        "w=$(pgrep -P $(cat /run/paf-haproxy/haproxy.pid)); kill -STOP $w; sleep 2;"
        " kill -CONT $w"),
    Row("node-standby", "the node is put into standby mode, and back",
        "crm_standby --node $(crm_node -n) --update on; sleep 8",
        "crm_standby --node $(crm_node -n) --delete", where=STANDBY, seconds=2),
    Row("cluster-stopped", "the cluster is stopped on the node, and started",
        "pcs cluster stop >/dev/null 2>&1; sleep 2", "pcs cluster start >/dev/null 2>&1",
        where=STANDBY, seconds=2),
    Row("other-instance", "another PostgreSQL of the node crashes",
        f"rm -rf {OTHER}; runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D {OTHER} -N"
        f" >/dev/null; {OTHER_CTL} -o '-p 5999' -l /dev/null start;"
        f" kill -9 $(head -1 {OTHER}/postmaster.pid)", f"rm -rf {OTHER}", where=STANDBY),
    Row("run-full", "no room in the state directory for 5 s",
        "dd if=/dev/zero of=/run/fill bs=1M >/dev/null 2>&1; sleep 5; rm /run/fill",
        "rm -f /run/fill", seconds=2),
)  # fmt: skip
