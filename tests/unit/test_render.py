"""haproxy.cfg: what the parameters make of it, and what is not let through."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from paf_haproxy import configuration, network, pacemaker, render
from paf_haproxy.ocf import ERR_CONFIGURED, ERR_GENERIC, ERR_INSTALLED, AgentError
from paf_haproxy.params import PARAMETERS, Params, parse

from tests.tools import ROOT

DATA = Path(__file__).parent / "data"

# Every parameter, and none as it is by default.
CHANGED = {
    "nodes": "srv1=10.0.0.1 srv2=db2.example.com srv10=fd00::10",
    "pgsql_clone": "pg-clone",
    "hold_timeout": "5s",
    "bind": "10.0.0.3",
    "prod_port": "6432",
    "stdby_port": "6433",
    "replication_port": "6437",
    "state_port": "6431",
    "role_port": "6435",
    "stats_port": "7001",
    "rest_port": "8009",
    "state_allow": "10.0.0.0/8",
    "role_allow": "10.0.0.0/8",
    "stats_allow": "10.0.0.0/8 fd00::/8",
    "rest_allow": "192.0.2.0/24",
    "stats_auth": "/etc/lb/stats.auth",
    "tls_cert": "/etc/lb/cert.pem",
    "max_lag": "16MB",
    "max_lag_time": "30s",
    "standby_timeout": "20s",
    "standby_fallback": "primary",
    "pgport": "6434",
    "pghost": "/var/run/pg",
    "pguser": "lb",
    "pgdatabase": "lbdb",
    "system_user": "pgadmin",
    "user": "lbuser",
    "group": "lbgroup",
    "maxconn": "300",
    "server_maxconn": "90",
    "pooler": "/var/run/pooler",
    "pooler_port": "6439",
    "pooler_wait": "1s",
    "crash_reports": "3",
    "session_timeout": "1h",
    "old_workers": "3",
    "old_worker_age": "12h",
    "client_keepalive": "2m",
    "check_interval": "100ms",
    "server_interval": "1s",
    "stop_grace": "10s",
    "stdby_balance": "source",
    "log_connections": "yes",
    "log": "10.0.0.9:514",
    "haproxy": "/opt/haproxy/sbin/haproxy",
    "template": "",
    "statedir": "/run/lb",
    "keepdir": "/srv/lb",
}


# What adds lines to the configuration, by other values.
OPTIONAL = {
    "state_allow": "127.0.0.0/8",
    "role_allow": "127.0.0.0/8",
    "stats_allow": "127.0.0.0/8",
    "rest_allow": "127.0.0.0/8",
    "stats_auth": "/other",
    "standby_fallback": "primary",
    "stdby_balance": "source",
    "log_connections": "yes",
}


@pytest.fixture(autouse=True)
def everyone_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up on paper, and the templates are those of this tree."""

    def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        if "unknown" in host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if "later" in host:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        host.encode("idna")  # as the real one does
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(render, "TEMPLATES", str(ROOT / "haproxy"))
    monkeypatch.setattr(network, "has_ipv6", lambda address="::": True)
    monkeypatch.setattr(pacemaker, "nodes", lambda: ("srv1", "srv2", "srv3"))
    viewer = ("viewer", 'two words $and \\#" more')
    monkeypatch.setattr(render, "credentials", lambda path: viewer if path else ("", ""))


def made(params: Params, node: str) -> str:
    """Returns the configuration, with the Lua files and the certificate where they are copied."""
    return render.render(params, node, "LUA", "CERT" if params.tls_cert else "")


def refusal(params: Params, code: int = ERR_CONFIGURED) -> str:
    with pytest.raises(AgentError) as caught:
        made(params, "srv1")
    assert caught.value.code == code, caught.value.reason
    assert caught.value.reason.isprintable()
    return caught.value.reason


@pytest.mark.parametrize(("name", "raw"), [("defaults", {}), ("changed", CHANGED)])
def test_golden(name: str, raw: dict[str, str], request: pytest.FixtureRequest) -> None:
    text = made(parse(raw), "srv2")
    golden = DATA / f"haproxy-{name}.cfg"
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_changed_means_all_changed() -> None:
    defaults = {parameter.name: parameter.default for parameter in PARAMETERS}
    assert set(CHANGED) == set(defaults)
    same = [name for name, text in CHANGED.items() if text == defaults[name]]
    assert same == ["template"], "that is what test_a_template_of_ones_own is for"


def test_no_hold() -> None:
    text = made(parse({"hold_timeout": "0"}), "srv1")
    for word in ("setenv PAF_HOLD ", "server hold", "timeout queue", "frontend lobby"):
        assert word not in text.replace("unsetenv", "")
        assert word in made(parse({}), "srv1")
    assert "unsetenv PAF_HOLD\n" in text, "a master keeps it"


def test_a_value_stays_within_its_line() -> None:
    """Nothing that a template would have to quote comes out of a parameter."""
    lines = made(parse(CHANGED), "srv1").splitlines()
    assert len(lines) == len(made(parse({"nodes": "srv1 b c", **OPTIONAL}), "srv1").splitlines())
    assert "    user viewer insecure-password 'two words $and \\#\" more'" in lines


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_is_no_host_name(host: str) -> None:
    reason = refusal(parse({"nodes": f"srv1=10.0.0.1 srv2={host}"}))
    assert reason == f"parameter nodes: {host!r} is not a host name"


@pytest.mark.parametrize("host", ["unknown", "later"])
def test_a_host_name_that_does_not_resolve_prevents_nothing(host: str) -> None:
    params = parse({"nodes": f"srv1=10.0.0.1 srv2={host}"})
    assert f"server srv2 {host}:5434" in made(params, "srv1")
    assert render.unresolved(params) == [host]


def test_a_host_name_that_resolves_at_last_makes_a_reload_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = {"nodes": "srv1 srv2=later srv3=unknown", "statedir": str(tmp_path)}
    new = tmp_path / "new"
    new.touch()
    configuration.install(parse(raw), str(new))
    configuration.commit(parse(raw))
    assert render.is_current(parse(raw))
    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: known("srv1", None))
    assert not render.is_current(parse(raw))
    new.touch()
    configuration.install(parse(raw), str(new))
    configuration.commit(parse(raw))
    assert render.is_current(parse(raw))


def test_a_name_server_that_fails_causes_no_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = parse({"nodes": "srv1 srv2", "statedir": str(tmp_path)})
    new = tmp_path / "new"
    new.touch()
    configuration.install(params, str(new))
    configuration.commit(params)

    def fails(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert render.is_current(params)


def test_without_ipv6_no_port_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bind *:5432,:::5432 v6only" in made(parse({}), "srv1")
    assert "bind 127.0.0.1:5437,[::1]:5437" in made(parse({}), "srv1")
    monkeypatch.setattr(network, "has_ipv6", lambda address="::": False)
    text = made(parse({"nodes": "a b"}), "a")
    assert "bind *:5432\n" in text and "bind 127.0.0.1:5437\n" in text and ":::" not in text


def test_an_instance_has_no_way_to_replicate_from_itself() -> None:
    text = made(parse({"nodes": "srv1 srv2 srv3"}), "srv2")
    section = text.partition("listen replication\n")[2].partition("\n\n")[0]
    servers = [line.split()[1] for line in section.splitlines() if line.startswith("    server ")]
    assert servers == ["hold", "srv1", "srv3"]


def test_the_nodes_are_never_locked_out_of_the_role_port() -> None:
    text = made(parse({"nodes": "srv1=10.0.0.9", "role_allow": "192.0.2.0/24"}), "srv1")
    assert "acl member src 127.0.0.1 ::1 10.0.0.1 192.0.2.0/24" in text


@pytest.mark.parametrize("name", ["hold", 'srv"1', "srv1;", "srv{{1}}", "é", "-x", "#"])
def test_a_node_whose_name_is_no_word(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Pacemaker is trusted, and nothing else than words gets into the configuration."""
    with pytest.raises(AgentError, match="of the cluster: ") as caught:
        made(parse({}), name)
    assert caught.value.code == ERR_CONFIGURED
    monkeypatch.setattr(pacemaker, "nodes", lambda: ("srv1", name))
    assert repr(name) in refusal(parse({}))


def test_a_cluster_without_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacemaker, "nodes", lambda: ())
    assert "parameter nodes is empty" in refusal(parse({}), ERR_GENERIC)


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    template = tmp_path / "mine.j2"
    template.write_text(
        "{% for name, address in nodes %}{{ name }} {{ address }} {{ pgport }}\n{% endfor %}"
    )
    text = made(parse({"template": str(template), "nodes": "a=10.0.0.1 b"}), "a")
    assert text == "a 10.0.0.1 5434\nb b 5434\n"


@pytest.mark.parametrize(
    "text",
    [
        "{{ no_such_value }}",
        "{% for %}",
        "{% if %}\n{% endif",
        "{{ prod_port",
        "{% include 'other.j2' %}",
        "{{ 1 / 0 }}",
        "{{ prod_port.no.such }}",
        "{{ 'a' + 1 }}",
        "{{ nodes[99] }}",
        "{{ nodes | nofilter }}",
        "{{ undefined_function() }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x'.encode('utf-99') }}",
    ],
)
def test_a_broken_template(text: str, tmp_path: Path) -> None:
    template = tmp_path / "broken.j2"
    template.write_text("global\n" + text)
    reason = refusal(parse({"template": str(template)}))
    assert f"template {template}" in reason


def test_a_template_that_is_no_text(tmp_path: Path) -> None:
    template = tmp_path / "binary.j2"
    template.write_bytes(b"\xff\xfe\x00\x80")
    assert f"template {template}" in refusal(parse({"template": str(template)}))


def test_no_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "none.j2", tmp_path):
        assert f"template {path}" in refusal(parse({"template": str(path)}))
    monkeypatch.setattr(render, "TEMPLATES", str(tmp_path))
    assert f"template {tmp_path}/haproxy.cfg.j2" in refusal(parse({}), ERR_INSTALLED)


def test_the_startup_packet() -> None:
    packet = bytes.fromhex(render.startup_packet("haproxy", "postgres"))
    assert packet[:4] == len(packet).to_bytes(4, "big")
    assert packet[4:] == b"\x00\x03\x00\x00user\x00haproxy\x00database\x00postgres\x00\x00"
