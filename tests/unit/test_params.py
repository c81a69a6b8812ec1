"""Parameters: their defaults, the values that are accepted, and the reasons of a refusal."""

from __future__ import annotations

import pytest
from paf_haproxy.ocf import ERR_CONFIGURED, AgentError
from paf_haproxy.params import PARAMETERS, Parameter, Params, parse

PORTS = ("prod_port", "stdby_port", "state_port", "role_port", "stats_port", "rest_port", "pgport")


def refusal(raw: dict[str, str]) -> str:
    """Returns the reason that the parameters are refused for."""
    with pytest.raises(AgentError) as caught:
        parse(raw)
    assert caught.value.code == ERR_CONFIGURED
    reason = caught.value.reason
    assert reason.isprintable() and len(reason) <= 400
    return reason


def test_the_defaults() -> None:
    params = parse({})
    assert (params.prod_port, params.stdby_port, params.state_port) == (5432, 5433, 5431)
    assert (params.pgport, params.role_port, params.stats_port) == (5434, 5435, 7000)
    assert (params.rest_port, params.max_lag, params.standby_fallback) == (8008, 0, "none")
    assert (params.hold_timeout, params.check_interval) == (30_000, 50)
    assert (params.bind, params.nodes, params.template) == ("", (), "")
    assert params.statedir == "/run/paf-haproxy"
    assert set(params.values) == {parameter.name for parameter in PARAMETERS}
    with pytest.raises(AttributeError):
        _ = Params({}).prod_port


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.name)
def test_a_default_is_a_value(parameter: Parameter) -> None:
    assert parse({parameter.name: parameter.default}).values == parse({}).values
    assert parse({parameter.name: ""}).values == parse({}).values, "empty is unset"


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.name)
@pytest.mark.parametrize("text", ["a\nb", "a;b", "a'b", 'a"b', "a\x1bb", "\u2028", "é", "$(id)"])
def test_a_hostile_value_is_named(parameter: Parameter, text: str) -> None:
    assert refusal({parameter.name: text}).startswith(f"parameter {parameter.name}: ")


def test_a_copy_is_changed_alone() -> None:
    params = parse({"prod_port": "6000", "log_connections": "yes"})
    copy = params.copy()
    assert (copy.values, copy.raw) == (params.values, params.raw)
    copy.pghost = "/elsewhere"
    assert (copy.pghost, params.pghost) == ("/elsewhere", "/run/postgresql")


def test_the_ports_in_use() -> None:
    assert set(PORTS) < set(parse({}).ports)
    assert parse({"pooler": "/run/pgbouncer"}).ports["pooler_port"] == 6432
    assert "pooler_port" not in parse({"pooler_port": "5432"}).ports


def test_a_name_that_is_no_parameter_is_pacemakers_own() -> None:
    assert parse({"crm_feature_set": "3.16.1; \n"}).values == parse({}).values


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("50ms", 50), ("30s", 30_000), ("30", 30_000), ("2m", 120_000), ("0", 0), ("0s", 0)],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse({"hold_timeout": text}).hold_timeout == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "ms",
        "-1s",
        "1.5s",
        "30 s",
        "30S",
        "30sec",
        "s30",
        "1h",
        "601s",
        "601000ms",
        "٣s",
        "1_0s",
        "+5",
    ],
)
def test_durations_that_are_none(text: str) -> None:
    assert "expected a time from 0ms to 600000ms" in refusal({"hold_timeout": text})


def test_durations_fit_haproxy() -> None:
    assert parse({"session_timeout": "24d"}).session_timeout == 24 * 86_400_000 < 2**31
    assert "parameter session_timeout" in refusal({"session_timeout": "25d"})


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1024", 1024), ("5B", 5), ("2kB", 2048), ("16MB", 16 << 20), ("1GB", 1 << 30)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse({"max_lag": text}).max_lag == size


@pytest.mark.parametrize(
    "text", ["MB", "-1MB", "1.5MB", "16 MB", "16mb", "16KB", "1PB", "٣MB", "1_0"]
)
def test_sizes_that_are_none(text: str) -> None:
    assert "expected a size such as 16MB" in refusal({"max_lag": text})


@pytest.mark.parametrize("text", ["yes", "Primary", "standby", "primary;"])
def test_who_serves_readers_in_need(text: str) -> None:
    assert "expected none or primary" in refusal({"standby_fallback": text})
    assert parse({"standby_fallback": "primary"}).standby_fallback == "primary"


@pytest.mark.parametrize("name", ["state_allow", "stats_allow", "rest_allow"])
@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        (" 192.0.2.1  fd00::/8 ", ("192.0.2.1/32", "fd00::/8")),
        ("", ()),
    ],
)
def test_networks(name: str, text: str, networks: tuple[str, ...]) -> None:
    assert parse({name: text}).values[name] == networks


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "10.0.0", "all", "10.0.0.0/33", "!10.0.0.0/8", "10.0.0.0/8,10.1.0.0/16"]
)
def test_networks_that_are_none(text: str) -> None:
    assert "parameter rest_allow" in refusal({"rest_allow": text})


@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize(
    "text", ["0", "65536", "-1", "+5432", "5432 ", "0x10", "٥٤٣٢", "5_432", "1e3"]
)
def test_ports_that_are_none(name: str, text: str) -> None:
    assert refusal({name: text}).startswith(f"parameter {name}: ")


def test_who_waits_is_not_idle() -> None:
    """HAProxy ends a session that says nothing for session_timeout, also one that waits."""
    assert refusal({"session_timeout": "30s"}).startswith("parameter session_timeout: ")
    assert "hold_timeout" in refusal({"session_timeout": "10m", "hold_timeout": "600s"})
    assert parse({"session_timeout": "31s"}).session_timeout == 31_000
    assert parse({"session_timeout": "1s", "hold_timeout": "0"}).hold_timeout == 0


def test_ports_at_the_ends() -> None:
    params = parse({"prod_port": "1", "stdby_port": "65535"})
    assert (params.prod_port, params.stdby_port) == (1, 65535)


@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize("other", PORTS)
def test_a_port_is_used_once(name: str, other: str) -> None:
    if name == other:
        assert getattr(parse({name: "6000"}), name) == 6000
        return
    reason = refusal({name: "6000", other: "6000"})
    assert name in reason and other in reason and "6000" in reason


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("srv1 srv2", (("srv1", "srv1"), ("srv2", "srv2"))),
        (
            "srv1=10.0.0.1  srv2=db2.example.com",
            (("srv1", "10.0.0.1"), ("srv2", "db2.example.com")),
        ),
        ("srv1=fd00::1", (("srv1", "fd00::1"),)),
        (" ", ()),
    ],
)
def test_nodes(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse({"nodes": text}).nodes == pairs


@pytest.mark.parametrize(
    "text",
    ["srv1\nsrv2", "srv1\tsrv2", "srv1,srv2", "srv1=", "=10.0.0.1", "srv1=a=b", "a;b", "a/b"],
)
def test_nodes_that_are_none(text: str) -> None:
    assert refusal({"nodes": text}).startswith("parameter nodes: ")


def test_a_name_that_is_ours() -> None:
    assert "'hold'" in refusal({"nodes": "srv1 hold=10.0.0.2"})


def test_a_node_is_named_once() -> None:
    assert "named twice" in refusal({"nodes": "srv1=10.0.0.1 srv2 srv1=10.0.0.3"})


@pytest.mark.parametrize("text", ["relative", "/a b", "/a;b", "/a/../b", "/a'b", "~root", "/a$b"])
def test_paths_that_are_none(text: str) -> None:
    for name in ("statedir", "haproxy", "template", "pghost"):
        assert refusal({name: text}).startswith(f"parameter {name}: ")


def test_paths() -> None:
    assert parse({"statedir": "/run/x/"}).statedir == "/run/x"
    assert parse({"template": "/etc/paf/haproxy.cfg.j2"}).template == "/etc/paf/haproxy.cfg.j2"


def test_addresses() -> None:
    assert parse({"bind": "*"}).bind == ""
    assert parse({"bind": "10.0.0.1"}).bind == "10.0.0.1"
    assert parse({"log": "logs.example.com:514"}).log == "logs.example.com:514"
    assert parse({"log": "/run/log"}).log == "/run/log"
    assert refusal({"log": "log host"}).startswith("parameter log: ")
