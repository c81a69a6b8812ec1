"""Patroni and etcd of the distribution, with HAProxy as in Patroni's documentation."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jinja2

from .. import cluster, scripts
from ..errors import LabError
from ..image import RIVALS
from ..layout import PGBIN, PGDATA
from ..node import NODES, Node, named
from ..recovery import Recovery
from ..shell import together
from . import patroni_settings, pooler, proxy
from .base import Step, Topology
from .patroni_members import PatroniRecovery, members
from .patroni_settings import CONFIGURATION

LEADS = "curl -sf -o /dev/null http://127.0.0.1:8008/primary"
ETCD = """ETCD_NAME={{ node.name }}
ETCD_DATA_DIR=/var/lib/etcd/lab
ETCD_LISTEN_PEER_URLS=http://{{ node.address }}:2380
ETCD_LISTEN_CLIENT_URLS=http://{{ node.address }}:2379,http://127.0.0.1:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://{{ node.address }}:2380
ETCD_ADVERTISE_CLIENT_URLS=http://{{ node.address }}:2379
ETCD_INITIAL_CLUSTER={% for each in nodes %}{{ each.name }}=http://{{ each.address }}:2380
{{- "," if not loop.last }}{% endfor %}
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_INITIAL_CLUSTER_TOKEN=lab
"""
ROLE = """SET synchronous_commit = local;
SELECT 'CREATE ROLE rewind SUPERUSER LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'rewind') \\gexec
ALTER ROLE rewind PASSWORD :'password';
"""
HBA = [
    "local all postgres peer",
    "host replication replicator samenet scram-sha-256",
    "host all all samenet scram-sha-256",
    "host all all 127.0.0.1/32 scram-sha-256",
]
"""Patroni writes it on each node: pg_rewind copies another node's, and PAF's name their own."""
DATABASE: dict[str, Any] = {
    "use_pg_rewind": True,
    "parameters": {
        "wal_log_hints": "on",
        "track_commit_timestamp": "on",
        "wal_keep_size": "512MB",
        "wal_init_zero": "off",
        "wal_retrieve_retry_interval": "100ms",
        "max_wal_senders": 10,
    },
}


class Patroni(Topology):
    """Timings, checks and pace are those of Patroni's documentation ("Dynamic Configuration
    Settings", and haproxy.cfg of its repository). No watchdog, no fencing.
    """

    name = "patroni"
    summary = "Patroni, etcd on the three nodes, HAProxy asking its REST API"
    image = RIVALS
    fences = False
    timing: Mapping[str, int] = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10}
    pace = "inter 3s fall 3 rise 2 on-marked-down shutdown-sessions"
    more: tuple[str, ...] = ("timeout connect 4s", "retries 2")
    """Lines of both pools beside those of the check."""

    def build(self, step: Step) -> None:
        if not all((node.root / CONFIGURATION).exists() for node in NODES):
            with step("PostgreSQL"):
                cluster.databases(self._role)
                # Patroni says itself who follows whom.
                NODES[0].run("rm", "-f", f"{PGDATA}/standby.signal")
            with step("etcd"):
                together(self._etcd, NODES)
            with step("Patroni"):
                self._start(NODES[0])
                NODES[0].run("timeout", "60", "sh", "-c", f"until {LEADS}; do sleep 0.5; done")
                together(self._start, NODES[1:])
        with step("primary, standbys, HAProxy"):
            together(lambda node: proxy.serve(node, *self.sections()), NODES)
            self.await_whole()

    @staticmethod
    def _role(first: Node) -> None:
        text = f"\\set password '{scripts.secret('replicator')}'\n{ROLE}"
        first.run("psql", "-XqAtp", "5434", "-f", "-", user="postgres", input=text)

    @staticmethod
    def _etcd(node: Node) -> None:
        text = jinja2.Template(ETCD, trim_blocks=False).render(node=node, nodes=NODES)
        (node.root / "etc/default/etcd").write_text(text)
        node.run("systemctl", "enable", "--now", "--quiet", "etcd", timeout=120)

    def _start(self, node: Node) -> None:
        file = node.root / CONFIGURATION
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o640)
        file.write_text(json.dumps(self._configuration(node), indent=2))  # YAML, too
        node.run("chown", "root:postgres", f"/{CONFIGURATION}")
        node.run("systemctl", "enable", "--now", "--quiet", "patroni", timeout=120)

    def _configuration(self, node: Node) -> dict[str, Any]:
        secret = scripts.secret("replicator")
        return {
            "scope": "lab",
            "name": node.name,
            "restapi": {"listen": "0.0.0.0:8008", "connect_address": f"{node.address}:8008"},
            "etcd3": {"hosts": ",".join(f"{each.address}:2379" for each in NODES)},
            "bootstrap": {"dcs": {**self.timing, "synchronous_mode": True, "postgresql": DATABASE}},
            "postgresql": {
                "listen": "*:5434",
                "connect_address": f"{node.address}:5434",
                "data_dir": PGDATA,
                "bin_dir": PGBIN,
                "pgpass": "/var/lib/postgresql/.pgpass.patroni",
                "use_unix_socket": True,
                "parameters": {"unix_socket_directories": "/run/postgresql"},
                "pg_hba": HBA,
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator", "password": secret},
                    "rewind": {"username": "rewind", "password": secret},
                },
            },
        }

    def sections(self) -> tuple[str, ...]:
        return tuple(
            proxy.pool(name, (*self.more, *_asked(path)), self.pace, "check port 8008")
            for name, path in (("prod", "/primary"), ("stdby", "/replica"))
        )

    def candidate(self, primary: str) -> str:
        """Returns the synchronous standby: Patroni lets no other take over."""
        found = [each["Member"] for each in members(primary) if each["Role"] == "Sync Standby"]
        if not found:
            raise LabError("Patroni has no synchronous standby to switch over to")
        return str(found[0])

    def lacking(self) -> str:
        if why := super().lacking():
            return why
        try:
            self.candidate(self.primary() or "")
        except LabError as error:
            return str(error)
        return ""

    def move(self, old: str, new: str) -> None:
        words = ("switchover", "--leader", old, "--candidate", new, "--force", "lab")
        done = named(new).run("patronictl", "-c", f"/{CONFIGURATION}", *words, timeout=120)
        if "uccessfully switched over" not in done.stdout:
            raise LabError(f"Patroni does not switch over: {done.stdout.strip()[-200:]}")

    def configured(self, text: str) -> contextlib.AbstractContextManager[None]:
        return patroni_settings.settings(self, text)

    def pool(self) -> int:
        return pooler.start(named(self.primary() or ""))

    def status(self) -> str:
        words = ("patronictl", "-c", f"/{CONFIGURATION}", "list", "lab")
        running = next(node for node in NODES if node.running)
        return running.run(*words, check=False).stdout.strip()

    def recovery(self, rest: Callable[[float], object] = time.sleep) -> Recovery:
        return PatroniRecovery(self, rest)


def _asked(path: str) -> tuple[str, ...]:
    return f"option httpchk OPTIONS {path}", "http-check expect status 200"


class PatroniTuned(Patroni):
    """As fast as its documentation allows ("Dynamic Configuration Settings" of Patroni 4.1): the
    least ttl, loop_wait and retry_timeout that Patroni takes, which keep its rule loop_wait + 2 *
    retry_timeout <= ttl; a leader that crashed is given up at once; and HAProxy checks twice a
    second, four times while the state of a server is in doubt.
    """

    name = "patroni-tuned"
    summary = "the same, with the shortest timings that Patroni takes"
    timing: Mapping[str, int] = {
        "ttl": 20,
        "loop_wait": 1,
        "retry_timeout": 3,
        "primary_start_timeout": 0,
    }
    pace = (
        "inter 500ms fastinter 250ms downinter 500ms fall 1 rise 1 on-marked-down shutdown-sessions"
    )
    more = proxy.FAST_FAILURE
