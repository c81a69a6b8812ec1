"""From the view to HAProxy's servers: every prefix of every list of commands is safe."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paf_haproxy.context import Notice
from paf_haproxy.routing import (
    DRAIN,
    MAINT,
    PROD,
    READY,
    STDBY,
    commands,
    wanted,
)
from paf_haproxy.view import ClusterView, announce

from tests.tools.model import Model

if TYPE_CHECKING:
    from paf_haproxy.routing import Server

NODES = ("srv1", "srv2", "srv3")
STATES = (READY, DRAIN, MAINT)


def reachable() -> list[ClusterView]:
    """Returns every view that any sequence of notices can lead to, the possible and the others."""
    lists = [names for size in range(3) for names in itertools.combinations(NODES, size)]
    events = ("pre-demote", "pre-promote", "post-promote", "post-start")
    notices = [Notice(*args) for args in itertools.product(events, lists, lists, lists)]
    found = [ClusterView()]
    for view in found:  # grows while it is walked
        for notice in notices:
            after = announce(view, notice)
            if after not in found:
                found.append(after)
    return found


VIEWS = reachable()


def starts() -> Iterator[dict[Server, str]]:
    """Yields every combination of states of the six servers."""
    servers = [(pool, node) for pool in (PROD, STDBY) for node in NODES]
    for states in itertools.product(STATES, repeat=len(servers)):
        yield dict(zip(servers, states))


def survey(model: Model, lines: Iterable[str], want: Mapping[Server, str]) -> None:
    """Runs the commands one by one and fails where a cut after any of them would do harm."""
    at_first = model.ready()
    (goal,) = {node for (pool, node), state in want.items() if (pool, state) == (PROD, READY)} or {
        ""
    }
    for line in lines:
        before = {name: (server.state, server.up) for name, server in model.servers.items()}
        ready = model.ready()
        assert model.run(line) == "", line
        for name, server in model.servers.items():
            state, up = before[name]
            if server.up and not up:
                raise AssertionError(f"{line}: {name} is up before it was asked")
            if name[0] == PROD and server.state == READY and state != READY:
                assert name[1] == goal, f"{line}: who should not be there enters prod"
                assert not ready, f"{line}: enters prod before {ready} left"
        # At most one is ready in prod; if somebody typed in more, it is never more than that.
        assert model.ready() <= at_first | {goal}
        assert len(model.ready()) <= max(1, len(at_first)), line


def test_every_prefix_between_all_views() -> None:
    """From what one view wants to what any other wants."""
    for old, new in itertools.product(VIEWS, repeat=2):
        model = Model(wanted(old, NODES))
        want = wanted(new, NODES)
        survey(model, commands(model.states, want), want)
        assert len(model.ready()) <= 1
        assert model.states == want, (old, new)


def test_every_prefix_from_every_state_of_haproxy() -> None:
    """Whatever HAProxy holds (a start, a reload, what somebody typed in, commands cut off)."""
    wants = [wanted(view, NODES) for view in VIEWS]
    count = 0
    for start in starts():
        for want in wants:
            model = Model(start)
            lines = commands(start, want)
            survey(model, lines, want)
            assert model.states == want
            assert commands(model.states, want) == []
            count += len(lines)
    assert count > 70_000, "the survey has seen less than it should"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda lines: lines[2:] + lines[:2], "enters prod before"),
        (
            lambda lines: [line for line in lines if "agent" not in line],
            "is up before it was asked",
        ),
        (
            lambda lines: [*lines, *(line.replace("srv2", "srv3") for line in lines[-2:])],
            "not be there",
        ),
        (lambda lines: ["set server prod/srv2 agent up", lines[-1]], "is up before it was asked"),
        (lambda lines: ["enable prod/srv1"], "Unknown command"),
    ],
)
def test_the_survey_can_fail(spoil: Callable[[list[str]], list[str]], why: str) -> None:
    model = Model(wanted(ClusterView("srv1"), NODES))
    want = wanted(ClusterView("srv2"), NODES)
    lines = spoil(commands(model.states, want))
    with pytest.raises(AssertionError, match=why):
        survey(model, lines, want)


def test_cut_off_and_turned_elsewhere() -> None:
    """A switchover to srv2 stops after any command, and srv3 is promoted instead."""
    change = wanted(ClusterView("srv1", "srv2", leaving=["srv1"]), NODES)
    lines = commands(wanted(ClusterView("srv1"), NODES), change)
    want = wanted(ClusterView("srv3"), NODES)
    for length in range(len(lines) + 1):
        model = Model(wanted(ClusterView("srv1"), NODES))
        survey(model, lines[:length], change)
        survey(model, commands(model.states, want), want)
        assert model.states == want


def test_reachable_views() -> None:
    """The survey's ground, all that a view of three nodes can be: 8 sets of leaving nodes for each
    of 4 primaries (one is unknown), and where there is a candidate, 3 x 4 with an unknown primary
    and 6 x 2 with a known one.
    """
    assert len(VIEWS) == 32 + 12 + 12
    assert sum(view.candidate is not None for view in VIEWS) == 24
    assert sum(view.settled for view in VIEWS) == 4


@pytest.mark.parametrize(
    ("view", "prod", "stdby"),
    [
        (ClusterView(), (MAINT, MAINT, MAINT), (READY, READY, READY)),
        (ClusterView("srv1"), (READY, MAINT, MAINT), (MAINT, READY, READY)),
        (ClusterView("srv1", leaving=["srv1"]), (DRAIN, MAINT, MAINT), (MAINT, READY, READY)),
        (ClusterView("srv1", "srv2"), (DRAIN, READY, MAINT), (MAINT, DRAIN, READY)),
        (ClusterView(None, "srv2"), (MAINT, READY, MAINT), (READY, DRAIN, READY)),
        (ClusterView("srv9"), (MAINT, MAINT, MAINT), (READY, READY, READY)),
        (ClusterView("srv10"), (MAINT, MAINT, MAINT), (READY, READY, READY)),
    ],
)
def test_wanted(view: ClusterView, prod: tuple[str, ...], stdby: tuple[str, ...]) -> None:
    states = wanted(view, NODES)
    assert tuple(states[PROD, node] for node in NODES) == prod
    assert tuple(states[STDBY, node] for node in NODES) == stdby


@pytest.mark.parametrize("drained", [["srv2"], ["srv1", "srv2"], ["srv9"]])
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_drained_by_a_person(view: ClusterView, drained: list[str]) -> None:
    """It gets no new readers, and nothing else changes."""
    states, ordinary = wanted(view, NODES, drained), wanted(view, NODES)
    for (pool, node), state in states.items():
        out = pool == STDBY and node in drained and ordinary[pool, node] == READY
        assert state == (DRAIN if out else ordinary[pool, node])


def test_a_switchover_word_by_word() -> None:
    views = [
        ClusterView("srv1"),
        ClusterView("srv1", leaving=["srv1"]),
        ClusterView("srv1", "srv2", leaving=["srv1"]),
        ClusterView("srv2"),
    ]
    states = [wanted(view, NODES) for view in views]
    assert [commands(have, want) for have, want in zip(states, states[1:])] == [
        ["set server prod/srv1 state drain"],
        [
            "set server stdby/srv2 state drain",
            "set server prod/srv2 agent down",
            "set server prod/srv2 state ready",
        ],
        [
            "set server prod/srv1 state maint",
            "shutdown sessions server prod/srv1",
            "set server stdby/srv2 state maint",
            "shutdown sessions server stdby/srv2",
            "set server stdby/srv1 agent down",
            "set server stdby/srv1 state ready",
        ],
    ]


def test_drained_sessions_go_on_and_those_of_maintenance_end() -> None:
    model = Model(wanted(ClusterView("srv1"), NODES))
    for view, alive in (
        (ClusterView("srv1", leaving=["srv1"]), True),
        (ClusterView("srv2"), False),
    ):
        for line in commands(model.states, wanted(view, NODES)):
            model.run(line)
        assert model.servers[PROD, "srv1"].sessions is alive


def test_servers_that_haproxy_does_not_know_are_left_out() -> None:
    have = {(PROD, "srv1"): MAINT, (STDBY, "srv1"): MAINT, (PROD, "old"): READY}
    want = wanted(ClusterView("srv2"), NODES)
    assert commands(have, want) == [
        "set server stdby/srv1 agent down",
        "set server stdby/srv1 state ready",
    ]


def test_a_candidate_that_was_refused_serves_readers_again() -> None:
    """srv1 is lost; PAF has refused srv2, and promotes srv3."""
    want = wanted(ClusterView("srv1", "srv3", {"srv1", "srv2"}), NODES)
    assert [want[STDBY, node] for node in NODES] == [MAINT, READY, DRAIN]
    assert [want[PROD, node] for node in NODES] == [DRAIN, DRAIN, READY]
    drained = wanted(ClusterView("srv1", "srv3", {"srv1", "srv2"}), NODES, {"srv2"})
    assert drained[STDBY, "srv2"] == DRAIN


node_names = st.text("abcsrv0123456789.-_", min_size=1, max_size=8)
views = st.builds(ClusterView, st.none() | node_names, st.none() | node_names, st.sets(node_names))


@given(views, st.lists(node_names, unique=True, max_size=6))
def test_any_view_lets_at_most_one_into_prod(view: ClusterView, nodes: list[str]) -> None:
    want = wanted(view, nodes)
    in_prod = [node for node in nodes if want[PROD, node] != MAINT]
    assert sum(want[PROD, node] == READY for node in nodes) <= 1
    assert set(in_prod) <= {view.primary, view.candidate, *view.leaving}
    both = {node for node in in_prod if want[STDBY, node] == READY}
    assert both <= view.leaving - {view.primary}, "only who was a candidate is in both pools"
    assert all(want[PROD, node] == DRAIN for node in both)


@given(views, views, st.lists(node_names, unique=True, max_size=6))
def test_any_change_is_safe_and_happens_once(
    old: ClusterView, new: ClusterView, nodes: list[str]
) -> None:
    model = Model(wanted(old, nodes))
    want = wanted(new, nodes)
    lines = commands(model.states, want)
    survey(model, lines, want)
    assert model.states == want
    assert commands(model.states, want) == []
    assert not any(";" in line or "\n" in line for line in lines)
