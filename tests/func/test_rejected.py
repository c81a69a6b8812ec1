"""A rejected configuration stops no HAProxy that serves. HAProxy starts with the last valid one."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from paf_haproxy.ocf import AgentError
from paf_haproxy.runtime import Runtime

from tests.tools import TEMPLATE
from tests.tools.instance import ask
from tests.tools.node import PROD, Cluster, Node
from tests.tools.waiting import eventually

TEMPLATES = Path("/usr/share/paf-haproxy/templates")
GENERIC, NOT_RUNNING = 1, 7


def certificate(path: Path, days: int = 30, key: ec.EllipticCurvePrivateKey | None = None) -> Path:
    """Writes a certificate for so many days from now, negative if it has expired, and a key: its
    own, or another one.
    """
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "srv1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=60))
    made = builder.not_valid_after(now + datetime.timedelta(days=days)).sign(own, hashes.SHA256())
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private = (key or own).private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    path.write_bytes(private + made.public_bytes(pem))
    return path


def serves(node: Node) -> bool:
    return bool(ask(node.address, PROD, "SELECT 1") == 1)


def note(node: Node) -> str:
    path = node.statedir / "rejected"
    return path.read_text().strip() if path.exists() else ""


@pytest.fixture
def node(cluster: Cluster) -> Node:
    """srv1, whose HAProxy runs and leads to itself."""
    cluster.srv1.do("start")
    cluster.srv1.await_up("prod/srv1")
    return cluster.srv1


def survives(node: Node, told: str) -> None:
    """HAProxy serves on through a reload, a monitor, a kill, a restart and a boot. The note names
    the fault.
    """
    before = (node.statedir / "haproxy.cfg").read_text()
    pid = node.pid()
    for action in ("reload", "reload-agent", "monitor"):
        if action == "monitor":
            node.mend()
        else:
            node.do(action)
        assert node.pid() == pid, f"{action} leaves HAProxy alone"
        assert told in note(node)
    assert (node.statedir / "haproxy.cfg").read_text() == before
    node.kill()
    node.mend()
    node.await_up("prod/srv1")
    assert serves(node) and told in note(node)
    for boot in (False, True):
        node.do("stop")
        if boot:
            shutil.rmtree(node.statedir)
        node.do("start")
        node.await_up("prod/srv1")
        assert serves(node) and told in note(node)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("hold_timeout", "bogus", "parameter hold_timeout: 'bogus': expected a time"),
        ("rest_port", "5431", "parameter rest_port: '5431': state_port has the same port"),
        ("session_timeout", "1s", "parameter session_timeout: '1s': it must be longer"),
        ("bind", "192.0.2.1", "parameter bind: '192.0.2.1': this node has no such address"),
        ("nodes", "srv1 srv1", "parameter nodes: 'srv1 srv1': a node is named twice"),
        (
            "pghost",
            "/nonexistent",
            "parameter pghost: '/nonexistent': PostgreSQL does not listen on",
        ),
        ("pgport", "5999", "parameter pgport: '5999': PostgreSQL does not listen on"),
        ("user", "nobody-here", "parameter user: no user nobody-here"),
        ("group", "nobody-here", "nobody-here"),
        ("haproxy", "/nonexistent", "parameter haproxy: there is no program /nonexistent"),
        ("template", "/nonexistent", "template /nonexistent does not exist"),
        ("stats_auth", "/nonexistent", "parameter stats_auth: /nonexistent: No such file"),
        ("tls_cert", "/nonexistent", "parameter tls_cert: /nonexistent: No such file"),
    ],
)
def test_an_invalid_value(node: Node, name: str, value: str, told: str) -> None:
    good = dict(node.params)
    node.params[name] = value
    survives(node, told)
    node.params = good
    node.mend()
    assert note(node) == ""
    assert serves(node)


def test_a_port_of_another_program(node: Node) -> None:
    with socket.create_server((node.address, 8009)):
        node.params["rest_port"] = "8009"
        survives(node, "parameter rest_port: 8009: another program listens there")
    node.mend()
    assert note(node) == ""
    socket.create_connection((node.address, 8009), timeout=5).close()


@pytest.fixture
def templates() -> Iterator[Path]:
    """The installed template and Lua files, put back at the end."""
    copy = TEMPLATES.with_name("templates.copy")
    shutil.copytree(TEMPLATES, copy)
    yield TEMPLATES
    shutil.rmtree(TEMPLATES)
    copy.rename(TEMPLATES)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("haproxy.cfg.j2", "{% if %}", "haproxy.cfg.j2:1: TemplateSyntaxError"),
        ("haproxy.cfg.j2", "global\n bogus keyword\n", "unknown keyword 'bogus'"),
        ("role.lua", "syntax error", "role.lua"),
        ("hold.lua", None, "hold.lua"),
    ],
)
def test_a_damaged_package(
    node: Node, templates: Path, file: str, text: str | None, told: str
) -> None:
    if text is None:
        (templates / file).unlink()
    else:
        (templates / file).write_text(text)
    survives(node, told)


def test_certificates(node: Node, tmp_path: Path) -> None:
    """A valid one goes into use; then others take its place that are wrong, and then none."""
    pem = certificate(tmp_path / "srv1.pem")
    node.params["tls_cert"] = str(pem)
    node.do("reload")
    assert note(node) == ""
    certificate(pem, days=-1)
    node.mend()
    assert "the certificate expired on" in note(node) and "renew it" in note(node)
    certificate(pem, key=ec.generate_private_key(ec.SECP256R1()))
    node.mend()
    assert "KEY_VALUES_MISMATCH" in note(node)
    pem.write_text("nonsense")
    node.mend()
    assert f"parameter tls_cert: {pem}: expected a PEM file" in note(node)
    assert serves(node)
    pem.unlink()
    survives(node, f"parameter tls_cert: {pem}: No such file")
    certificate(pem)
    node.mend()
    assert note(node) == ""


def test_a_first_start_fails_on_its_own(cluster: Cluster) -> None:
    """Pacemaker retries it; with another code the resource would be stopped on all nodes."""
    node = cluster.srv1
    node.params["hold_timeout"] = "bogus"
    (reason,) = node.do("start", code=GENERIC).reasons
    assert reason.startswith("parameter hold_timeout: 'bogus': expected a time")
    node.do("validate-all", code=6)
    assert node.processes() == []
    node.do("monitor", code=NOT_RUNNING)


def test_a_host_that_does_not_resolve(cluster: Cluster) -> None:
    """HAProxy starts without it, and leads to the others."""
    node = cluster.srv1
    node.params["nodes"] += " srv3=nowhere.invalid"
    node.do("start")
    node.await_up("prod/srv1")
    assert serves(node)
    assert node.mend().err == "", "nothing is mended that cannot be"


def test_a_program_that_changes(node: Node, tmp_path: Path) -> None:
    """Another program cannot take over from a master that runs: HAProxy is restarted."""
    program = tmp_path / "haproxy"
    shutil.copy("/usr/sbin/haproxy", program)
    tmp_path.chmod(0o755)
    node.params["haproxy"] = str(program)
    before = node.master()
    node.do("reload")
    assert node.master() != before
    eventually(lambda: serves(node), "it serves")


def test_a_reload_after_one_that_failed(node: Node) -> None:
    """When the next reload begins, the master still counts the failure of the last one."""
    with socket.create_server((node.address, 8010)):
        text = (node.statedir / "haproxy.cfg").read_text()
        bad = f"{text}\nfrontend taken\n    bind {node.address}:8010\n"
        (node.statedir / "haproxy.cfg").write_text(bad)
        os.kill(node.master(), signal.SIGUSR2)
        eventually(lambda: "[failed: 1]" in master_says(node, "show proc"), "the reload has failed")
    for number in range(3):
        pid = node.pid()
        node.params["maxconn"] = str(1000 + number)
        node.do("reload")
        assert node.pid() != pid and note(node) == ""


def master_says(node: Node, command: str) -> str:
    try:
        return Runtime(str(node.statedir / "master.sock"), half_close=True).ask(command)
    except AgentError:
        return ""


def test_what_haproxy_itself_refuses_is_not_tried_by_every_monitor(
    node: Node, tmp_path: Path
) -> None:
    """Each try counts against the worker that serves (mworker-max-reloads)."""
    template = tmp_path / "mine.j2"
    socket_path = "/nonexistent/mine.sock"
    template.write_text(f"{TEMPLATE.read_text()}\nfrontend mine\n    bind unix@{socket_path}\n")
    good, pid = dict(node.params), node.pid()
    node.params["template"] = str(template)
    node.do("reload")
    told = note(node)
    assert "HAProxy does not take the new configuration" in told
    for _ in range(3):
        node.mend()
    assert node.pid() == pid and note(node) == told and serves(node)
    assert "[failed: 1]" in master_says(node, "show proc")
    node.params = good
    node.mend()
    assert note(node) == "" and node.pid() == pid
    node.params = {**good, "template": str(template)}
    node.do("reload")
    assert note(node) == told, "it is reported again, and not tried again"
    assert "[failed: 1]" in master_says(node, "show proc")


def test_a_state_directory_that_takes_no_file(node: Node) -> None:
    """The reload cannot begin: HAProxy serves on, and the action does not fail."""
    states = node.statedir / "servers.state"
    states.unlink()
    states.mkdir()
    pid = node.pid()
    node.params["maxconn"] = "1234"
    node.do("reload")
    assert node.pid() == pid and serves(node)
    assert note(node) == f"cannot write {states}: Is a directory"
    states.rmdir()
    node.mend()
    assert node.pid() != pid and note(node) == ""
