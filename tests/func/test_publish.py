"""What a node tells of itself besides its role: metrics, views, and to whom."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.tools.instance import ask, connect
from tests.tools.node import PROD, REST, ROLE, STATE, STATS, STDBY, Cluster, Node
from tests.tools.waiting import always, eventually


def page(
    node: Node, path: str, port: int = STATS, auth: str = "", tls: ssl.SSLContext | None = None
) -> tuple[int, str]:
    """Returns the status and the text."""
    headers = {"Authorization": "Basic " + base64.b64encode(auth.encode()).decode()}
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    more: dict[str, Any] = {"context": tls} if tls else {}
    connection = kind(node.address, port, timeout=5, **more)
    try:
        connection.request("GET", path, headers=headers if auth else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(node: Node) -> dict[str, float]:
    """Returns our metrics by name and labels, without the prefix."""
    status, text = page(node, "/metrics/paf")
    assert status == 200
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        name.removeprefix("paf_haproxy_"): float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines)
    }


def test_metrics_of_a_cluster_that_is_well(steady: Cluster) -> None:
    for node, role in ((steady.srv1, "production"), (steady.srv2, "standby")):
        found = samples(node)
        roles = {name: value for name, value in found.items() if name.startswith("role{")}
        assert roles == {
            f'role{{role="{each}"}}': float(each == role)
            for each in ("production", "standby", "down", "unknown")
        }
        assert found["held_connections"] == found["lagging"] == 0
        eventually(lambda node=node: samples(node).get("timeline") == 1, "timeline", 10)  # type: ignore[misc]
        eventually(lambda node=node: 'lag_bytes{standby="srv2"}' in samples(node), "lag", 10)  # type: ignore[misc]
    assert page(steady.srv1, "/metrics")[1].startswith("# HELP haproxy_"), "HAProxy's own beside it"


def test_metrics_of_a_switchover(fresh: object, running: Cluster) -> None:
    node = running.srv2
    assert samples(node)["transitions_total"] == 0
    always(lambda: node.up("prod/srv1"), "the primary has been seen", during=0.6)
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert samples(node)["notifications_total"] == 1
    running.srv1.postgres.stop()
    running.notify("pre-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    waiting = socket.create_connection((node.address, PROD), timeout=5)
    eventually(lambda: samples(node)["held_connections"] > 0, "it waits")
    waiting.close()
    running.srv2.postgres.promote()
    node.await_up("prod/srv2")
    eventually(lambda: samples(node)["transitions_total"] == 1, "it is over")
    found = samples(node)
    assert 0 < found["transition_seconds"] < 60
    assert found["notifications_total"] == 1, "the pre-promote was no news"
    running.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    assert samples(node)["notifications_total"] == 2
    assert found['role{role="production"}'] == 1
    assert found["drift_repaired_total"] == 0
    node.haproxy("set server stdby/srv1 state maint")
    running.pacemaker("srv2")
    node.mend()
    assert samples(node)["drift_repaired_total"] == 1


def view(node: Node) -> Any:
    return json.loads(node.read(ROLE, b"view\n"))


def test_the_view(steady: Cluster) -> None:
    for node in steady.nodes:
        node.await_up("stdby/srv2")
    one, two = (view(node) for node in steady.nodes)
    assert (one["node"], one["role"], two["node"], two["role"]) == (
        *("srv1", "production"),
        *("srv2", "standby"),
    )
    found = {f"{s['pool']}/{s['node']}": s["status"].split()[0] for s in one["servers"]}
    assert found == {
        "prod/srv1": "UP",
        "prod/srv2": "MAINT",
        "stdby/srv1": "MAINT",
        "stdby/srv2": "UP",
    }
    eventually(lambda: view(steady.srv1)["sync"] == "srv2=async", "who streams", 10)
    eventually(lambda: view(steady.srv2).get("lag") == 0, "lag", 10)


@pytest.mark.parametrize(
    "text",
    [
        "parameter hold_timeout: 'bogus': expected a time from 0ms to 600000ms, such as 30s",
        'a "quote", a \\ and a tab\t, é',
    ],
)
def test_a_rejected_configuration_is_told(steady: Cluster, text: str) -> None:
    node = steady.srv1
    file = node.statedir / "rejected"
    assert samples(node)["configuration_rejected"] == 0 and "rejected" not in view(node)
    file.write_text(text + "\n")
    try:
        assert view(node)["rejected"] == text
        assert samples(node)["configuration_rejected"] == 1
        file.write_bytes(b"no \xff UTF-8\n")
        assert view(node)["rejected"] == "no ? UTF-8"
    finally:
        file.unlink()
    assert samples(node)["configuration_rejected"] == 0


def test_a_role_that_is_unknown_is_told(fresh: object, running: Cluster) -> None:
    node = running.srv1
    assert samples(node)['role_unknown{reason=""}'] == 0
    node.postgres.sql("ALTER ROLE haproxy NOLOGIN")
    node.postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'haproxy'"
    )
    eventually(lambda: samples(node).get('role_unknown{reason="28000"}') == 1, "it is told")
    assert samples(node)['role{role="production"}'] == 1, "the last confirmed one"


def test_drained_by_a_person(running: Cluster) -> None:
    """Across monitors, notifications, reloads and restarts, until it is undrained."""
    node = running.srv1
    node.await_up("stdby/srv2")
    reader = connect(node.address, STDBY)
    (running.mock / "drained").write_text("srv2\n")
    (running.mock / "nodes").write_text("srv1 srv2\n")
    result = node.mend()
    assert node.state("stdby/srv2") == "drain"
    assert result.err == "", "no drift"
    with reader.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError):
        ask(node.address, STDBY, "SELECT 1")
    assert node.role()["drained"] == "srv2"
    node.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    node.notify("post-promote", promoted=["srv1"], demote=["srv1"], promote=["srv1"])
    assert node.state("stdby/srv2") == "drain"
    node.do("reload")
    assert node.state("stdby/srv2") == "drain"
    assert node.mend().err == ""
    node.haproxy("set server stdby/srv2 state ready")
    assert "stdby/srv2 drain" in node.mend().err, "by hand is not by the command"
    node.do("stop")
    node.do("start")
    assert node.state("stdby/srv2") == "drain"
    (running.mock / "drained").unlink()
    assert node.mend().err == ""
    node.await_up("stdby/srv2")
    assert ask(node.address, STDBY, "SELECT 1") == 1
    reader.close()


def test_without_a_cluster_drained_is_as_it_was(running: Cluster) -> None:
    node = running.srv1
    (running.mock / "drained").write_text("srv2\n")
    (running.mock / "nodes").write_text("srv1 srv2\n")
    node.mend()
    (running.mock / "nodes").unlink()
    node.mend()
    assert node.state("stdby/srv2") == "drain"


def test_who_may_ask(cluster: Cluster) -> None:
    """Whoever is not let in gets nothing at all, and the others are served."""
    node, other = cluster.nodes
    elsewhere = "192.0.2.0/24 fd00::/8"
    node.params |= dict.fromkeys(("state_allow", "stats_allow", "rest_allow"), elsewhere)
    other.params |= dict.fromkeys(("state_allow", "stats_allow", "rest_allow"), "127.0.0.0/8")
    cluster.start()
    for port in (STATE, STATS, REST):
        with pytest.raises((http.client.HTTPException, OSError)):
            page(node, "/primary", port)
    assert other.tells() == "standby"
    other.await_up("stdby/srv2")
    assert page(other, "/replica", REST)[0] == 200 and page(other, "/")[0] == 200


def test_a_password_for_the_statistics(cluster: Cluster, tmp_path: Path) -> None:
    node = cluster.srv1
    secret = tmp_path / "auth"
    secret.write_text("dba:it is #1 \\ $x\n")
    secret.chmod(0o600)
    node.params["stats_auth"] = str(secret)
    cluster.start()
    for path in ("/", "/metrics", "/metrics/paf"):
        assert page(node, path)[0] == 401
        assert page(node, path, auth="dba:wrong")[0] == 401
        assert page(node, path, auth="dba:it is #1 \\ $x")[0] == 200
    config = node.statedir / "haproxy.cfg"
    assert config.stat().st_mode & 0o777 == 0o600, "the password is in it"


def certificate(tmp_path: Path, name: str, address: str) -> tuple[Path, Path]:
    """Makes a key and a certificate of its own for an address. Returns their paths."""
    key, cert = tmp_path / f"{name}.key", tmp_path / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *subject, *files], check=True, capture_output=True)
    return key, cert


def test_tls_for_http(cluster: Cluster, tmp_path: Path) -> None:
    node = cluster.srv1
    key, cert = certificate(tmp_path, "srv1", node.address)
    both = tmp_path / "both.pem"
    both.write_text(cert.read_text() + key.read_text())
    both.chmod(0o600)
    node.params["tls_cert"] = str(both)
    cluster.start()
    trusted = ssl.create_default_context(cafile=str(cert))
    assert page(node, "/primary", REST, tls=trusted)[0] == 200
    assert page(node, "/metrics/paf", tls=trusted)[0] == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        page(node, "/primary", REST, tls=ssl.create_default_context())
    assert node.tells() == "production", "plain text stays so"


def test_a_certificate_that_is_none(cluster: Cluster, tmp_path: Path) -> None:
    node = cluster.srv1
    node.params["tls_cert"] = str(tmp_path / "none.pem")
    assert "parameter tls_cert: " in node.do("start", code=1).err


def test_postgresql_tls_passes_through(fresh: Any, cluster: Cluster, tmp_path: Path) -> None:
    """Both pools, sslmode=verify-full: the certificate that clients see is PostgreSQL's own."""
    certificates = {}
    for node in cluster.nodes:
        key, cert = certificate(tmp_path, node.name, node.address)
        for source, name in ((key, "server.key"), (cert, "server.crt")):
            target = node.postgres.data / name
            target.write_text(source.read_text())
            target.chmod(0o600)
            subprocess.run(["chown", "postgres:postgres", str(target)], check=True)
        node.postgres.sql("ALTER SYSTEM SET ssl = on") if node is cluster.srv1 else None
        certificates[node.name] = cert
    auto = cluster.srv2.postgres.data / "postgresql.auto.conf"
    auto.write_text(auto.read_text() + "ssl = on\n")
    for node in cluster.nodes:
        node.postgres.sql("SELECT pg_reload_conf()")
    cluster.start()
    node = cluster.srv1
    node.await_up("stdby/srv2")
    for port, name in ((PROD, "srv1"), (STDBY, "srv2")):
        server = next(each for each in cluster.nodes if each.name == name)
        connection = psycopg2.connect(
            # libpq verifies `host`, which the certificate names, and connects to `hostaddr`.
            host=server.address,
            hostaddr=node.address,
            port=port,
            user="app",
            dbname="postgres",
            sslmode="verify-full",
            sslrootcert=str(certificates[name]),
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert cursor.fetchone() == (True,)
        connection.close()


def test_sockets(steady: Cluster) -> None:
    """One for root that changes things, one for HAProxy's group that shows them."""
    node = steady.srv1
    admin, show = node.statedir / "admin.sock", node.statedir / "show.sock"
    assert admin.stat().st_mode & 0o777 == 0o600 and admin.stat().st_uid == 0
    assert show.stat().st_mode & 0o777 == 0o660 and show.stat().st_uid == 0
    assert node.statedir.stat().st_uid == 0 and node.statedir.stat().st_mode & 0o022 == 0

    def say(command: bytes) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(show))
            connection.sendall(command + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    assert "prod,srv1," in say(b"show stat")
    before = node.states()
    assert "ermission denied" in say(b"set server prod/srv1 state maint")
    assert node.states() == before


def test_the_read_only_socket_cannot_shut_the_agent_out(steady: Cluster) -> None:
    node = steady.srv1
    idle = []
    for _ in range(60):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(node.statedir / "show.sock"))
        idle.append(connection)
    assert node.mend().err == ""
    for connection in idle:
        connection.close()


def test_the_command_runs_as_installed(installed: None) -> None:
    done = subprocess.run(
        ["/usr/sbin/paf-haproxy", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()
    assert os.access("/usr/share/paf-haproxy/paf_haproxy/cli/main.py", os.R_OK)
