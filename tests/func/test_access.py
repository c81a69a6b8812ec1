"""Access: allowed networks, passwords, TLS, the runtime sockets."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.tools.http import page
from tests.tools.node import PROD, REST, STATE, STATS, STDBY, Cluster


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
