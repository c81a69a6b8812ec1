"""The alternatives to this project are configured as their users would configure them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paf_lab.access import CONNECTING, OPEN, READER, SESSION
from paf_lab.bench import dirty
from paf_lab.compare.faults import FAULTS
from paf_lab.drill.settings import Settings
from paf_lab.errors import LabError
from paf_lab.image import RECIPES, RIVALS
from paf_lab.topology import ALL, COMPARED, patroni_settings, pooler
from paf_lab.topology.patroni import Patroni
from paf_lab.topology.proxy import OnPafWithProxy
from paf_lab.topology.state_socket import deck_units

UNITS = {"ms": 0.001, "s": 1.0}


def interval(text: str, name: str) -> float:
    """Returns a time of HAProxy's configuration in s; each section must have the same."""
    found = set(re.findall(rf"\b{name} (\d+)(ms|s)\b", text))
    assert len(found) == 1, f"{name}: {found}"
    ((number, unit),) = found
    return int(number) * UNITS[unit]


def sections(name: str) -> str:
    return "".join(cast(OnPafWithProxy, ALL[name]).sections())


@pytest.mark.parametrize("name", ["state-socket", "sql-check", "patroni"])
def test_what_is_tuned_checks_more_often(name: str) -> None:
    usual, tuned = sections(name), sections(f"{name}-tuned")
    assert interval(tuned, "inter") <= interval(usual, "inter") / 2
    assert interval(tuned, "fastinter") < interval(tuned, "inter")
    assert interval(tuned, "timeout connect") == 1
    assert "on-marked-down shutdown-sessions" in tuned and "option redispatch" in tuned
    assert "option redispatch" not in usual
    assert tuned.count("    server ") == usual.count("    server ")


def test_the_tuned_socket_runs_the_real_psql() -> None:
    usual, tuned = (deck_units("x", 1, cast(Any, ALL[name]).psql)["x@.service"]
                    for name in ("state-socket", "state-socket-tuned"))  # fmt: skip
    assert "ExecStart=/usr/bin/psql -p 5434 -Atc " in usual
    assert "/bin/psql -p 5434" in tuned and "/usr/bin/psql" not in tuned


def test_the_rule_of_patroni() -> None:
    for name, least in (("patroni", (30, 10, 10)), ("patroni-tuned", (20, 1, 3))):
        timing = cast(Patroni, ALL[name]).timing
        ttl, loop_wait, retry = (timing[key] for key in ("ttl", "loop_wait", "retry_timeout"))
        assert (ttl, loop_wait, retry) == least and loop_wait + 2 * retry <= ttl


def test_the_image_has_what_patroni_of_debian_testing_needs() -> None:
    assert {"patroni", "python3-etcd", "python3-dnspython"} <= set(RECIPES[RIVALS]().packages)


@pytest.mark.parametrize("name", [name for name in COMPARED if name not in ("paf-haproxy", "lvs")])
def test_clients_have_timeouts_and_there_are_readers(name: str) -> None:
    topology = ALL[name]
    assert {CONNECTING, SESSION, READER} == set(topology.kinds)
    settings = Settings.of(topology.access, topology.kinds).with_open_loop(4)
    told = settings.clients("srv1", "secret")
    for kind in told["every"]:
        target = {**told["connect"], **told["targets"][kind]}
        assert 2 <= target["connect_timeout"] <= 5 and target["tcp_user_timeout"] == 5000, kind
    local = "host" not in told["targets"][CONNECTING]
    assert local == topology.haproxy
    assert told["targets"][OPEN] == told["targets"][CONNECTING], "they go the same way"
    reach = topology.reach(READER)
    if topology.haproxy:
        assert (reach["host"], reach["port"]) == ("127.0.0.1", 5433)
    else:
        assert reach["target_session_attrs"] == "prefer-standby" and "," in reach["host"]


def test_multihost_writers_look_for_the_primary() -> None:
    for name in ("multihost", "multihost-vip"):
        assert ALL[name].reach(CONNECTING)["target_session_attrs"] == "read-write"
    node = SimpleNamespace(name="srv1")
    conninfo = {name: ALL[name].environment(cast(Any, node))["CONNINFO"]
                for name in ("vip", "multihost", "multihost-vip")}  # fmt: skip
    assert conninfo["multihost-vip"] == conninfo["vip"] != conninfo["multihost"]
    assert "multihost-vip" not in COMPARED


def test_clients_of_a_hold_wait_for_it() -> None:
    told = Settings.of(ALL["paf-haproxy"].access, ALL["paf-haproxy"].kinds).clients("srv1", "x")
    assert told["connect"]["connect_timeout"] == 40 and told["targets"] == {}


def test_the_pooler_is_started_where_clients_have_a_haproxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(pooler, "script", lambda node, *words: done.append((node.name, *words)))
    monkeypatch.setattr("paf_lab.topology.base.Topology.primary", lambda _: "srv2")
    ports = {name: ALL[name].pool() for name in COMPARED}
    assert {name for name, port in ports.items() if not port} == {"vip", "multihost", "lvs"}
    assert ports["paf-haproxy"] == ports["patroni"] == 6432
    assert done[:2] == [("srv2", "45-pgbouncer", "role"), ("srv1", "45-pgbouncer", "node")]


def test_parameters_of_patroni() -> None:
    values = patroni_settings.parameters(dirty.SETTINGS)
    assert values["shared_buffers"] == "1400MB" and len(values) == 5
    words = patroni_settings.edit(values)
    assert words[-1] == "lab" and words.count("--pg") == 5 and "shared_buffers=1400MB" in words


def test_patroni_never_changes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    node = SimpleNamespace(
        name="srv1", running=True, run=lambda *_, **__: SimpleNamespace(stdout="0|0\n")
    )
    monkeypatch.setattr(patroni_settings, "NODES", (node,))
    monkeypatch.setattr(patroni_settings, "TAKEN_WITHIN", -1)
    whole: list[str] = []
    topology = SimpleNamespace(await_whole=lambda: whole.append("whole"))
    with pytest.raises(LabError, match="shared_buffers on srv1"):
        patroni_settings._change(cast(Any, topology), {"shared_buffers": "1GB"})
    values: Mapping[str, str] = {"shared_buffers": patroni_settings.UNSET}
    patroni_settings._change(cast(Any, topology), values)
    assert whole == ["whole"]


def test_a_dirty_switchover_needs_dirty_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {dirty.CHANGE: "", dirty.COUNT: str(dirty.LEAST - 1)}
    monkeypatch.setattr("paf_lab.drill.commands.psql", lambda node, _, script: answers[script])
    stage: Any = SimpleNamespace(nodes={"srv1": None}, primary="srv1", settings=None)
    stage.say = lambda *_: None

    def fail_if(what: object, text: str) -> None:
        if what:
            raise LabError(text)

    stage.fail_if = fail_if
    with pytest.raises(LabError, match="1023 MB are dirty, not 1024"):
        FAULTS["dirty-switchover"].prepare(stage, cast(Any, None))
    answers[dirty.COUNT] = str(dirty.LEAST)
    FAULTS["dirty-switchover"].prepare(stage, cast(Any, None))


def test_ours_is_moved_by_its_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, ...]] = []
    node = SimpleNamespace(run=lambda *words, **_: done.append(words))
    monkeypatch.setattr("paf_lab.health.anyone", lambda: node)
    monkeypatch.setattr("paf_lab.topology.paf.named", lambda _: node)
    for name in ("paf-haproxy", "vip"):
        ALL[name].switch_over("srv1", "srv2")
    assert done[0] == ("paf-haproxy", "switchover", "srv2") and done[1][0] == "crm_resource"
