"""The model that the unit tests run on does what the real HAProxy does."""

from __future__ import annotations

import random

from paf_haproxy.routing import DRAIN, MAINT, PROD, READY, STDBY, commands, wanted
from paf_haproxy.runtime import Runtime
from paf_haproxy.view import ClusterView

from tests.tools.model import Model
from tests.tools.node import Cluster
from tests.tools.waiting import always

NODES = ("srv1", "srv2")
Server = tuple[str, str]


def test_the_same_commands_lead_to_the_same_states(running: Cluster) -> None:
    """Typed in at random, and after every command of the agent's own lists."""
    node = running.srv1
    haproxy = Runtime(str(node.statedir / "admin.sock"))
    have, _ = haproxy.servers()
    model = Model(have)
    chance = random.Random(1)
    servers = [(pool, name) for pool in (PROD, STDBY) for name in NODES]
    views = [
        ClusterView(),
        ClusterView("srv1"),
        ClusterView("srv1", "srv2"),
        ClusterView("srv2"),
        ClusterView("srv2", "srv1"),
    ]
    for _ in range(40):
        if chance.random() < 0.5:
            pool, name = chance.choice(servers)
            lines = [f"set server {pool}/{name} state {chance.choice([READY, DRAIN, MAINT])}"]
        else:
            lines = commands(model.states, wanted(chance.choice(views), NODES))
        for line in lines:
            assert haproxy.run([line]) == []
            assert model.run(line) == ""
            assert own_pools(haproxy.servers()[0]) == own_pools(model.states), line


def own_pools(states: dict[Server, str]) -> dict[Server, str]:
    """Returns the states that the agent sets; HAProxy itself sets those of pool replication."""
    return {server: state for server, state in states.items() if server[0] in (PROD, STDBY)}


def test_the_same_objections(steady: Cluster) -> None:
    node = steady.srv1
    haproxy = Runtime(str(node.statedir / "admin.sock"))
    model = Model(haproxy.servers()[0])
    for line in (
        "set server prod/srv9 state ready",
        "set server nopool/srv1 agent down",
        "shutdown sessions server prod/srv9",
    ):
        assert haproxy.run([line]) == [model.run(line)]


def test_marked_down_it_stays_down_when_it_leaves_maintenance(running: Cluster) -> None:
    """What a switchover rests on: an armed standby is not up for a moment. The control: without
    the mark it is up at once.
    """
    node = running.srv1
    haproxy = Runtime(str(node.statedir / "admin.sock"))
    enter = "set server prod/srv2 state ready"
    for _ in range(20):
        states, up = haproxy.servers()
        assert (PROD, "srv2") not in up and states[PROD, "srv2"] == MAINT
        answer = node.haproxy(f"set server prod/srv2 agent down;{enter};show servers state")
        row = next(
            line.split() for line in answer.splitlines() if " prod " in line and "srv2" in line
        )
        assert row[5] == "0", "it is down in the same breath"
        always(lambda: (PROD, "srv2") not in haproxy.servers()[1], "it stays down", during=0.1)
        haproxy.run(["set server prod/srv2 state maint"])
    haproxy.run(["set server prod/srv2 agent up", enter])
    assert (PROD, "srv2") in haproxy.servers()[1]
