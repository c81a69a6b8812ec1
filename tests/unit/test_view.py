"""What each notification makes of the view of the cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paf_haproxy.context import Notice
from paf_haproxy.view import ClusterView, announce

from tests.tools.transitions import Transition, transitions

# srv10: a name that has another one as its beginning.
NODES = ["srv1", "srv2", "srv3", "srv10"]

UNKNOWN = ClusterView()
SETTLED = ClusterView("srv1")
LEAVING = ClusterView("srv1", leaving=["srv1"])
CHANGING = ClusterView("srv1", "srv2", leaving=["srv1"])
FAILOVER = ClusterView(None, "srv2")


def notice(event: str, promote: str = "", demote: str = "", promoted: str = "srv1") -> Notice:
    return Notice(event, tuple(promote.split()), tuple(demote.split()), tuple(promoted.split()))


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        # A switchover.
        (SETTLED, notice("pre-demote", "srv2", "srv1"), CHANGING),
        (CHANGING, notice("post-demote", "srv2", "srv1"), CHANGING),
        (CHANGING, notice("pre-promote", "srv2", "srv1"), CHANGING),
        (CHANGING, notice("post-promote", "srv2", "srv1"), ClusterView("srv2")),
        # The first promotion.
        (UNKNOWN, notice("pre-promote", "srv2", promoted=""), FAILOVER),
        (FAILOVER, notice("post-promote", "srv2", promoted=""), ClusterView("srv2")),
        # A lost node: nobody is demoted, or it looks like a clean stop.
        (SETTLED, notice("pre-promote", "srv2", promoted=""), CHANGING),
        (CHANGING, notice("post-promote", "srv2", promoted=""), ClusterView("srv2")),
        # HAProxy stops or fails on the primary's node: demoted, and nobody is promoted.
        (SETTLED, notice("pre-demote", "", "srv1"), SETTLED),
        (SETTLED, notice("post-demote", "", "srv1"), SETTLED),
        (SETTLED, notice("pre-stop", "", "srv1"), SETTLED),
        (SETTLED, notice("post-stop", "", "srv1"), SETTLED),
        # ... and comes back: its promotion is no news, nor is there anybody else in the lists.
        (SETTLED, notice("pre-promote", "srv1", promoted=""), SETTLED),
        (SETTLED, notice("post-promote", "srv1", promoted=""), SETTLED),
        # HAProxy bounces there: demoted and promoted.
        (SETTLED, notice("pre-demote", "srv1", "srv1"), SETTLED),
        (SETTLED, notice("pre-promote", "srv1", "srv1"), SETTLED),
        (SETTLED, notice("post-promote", "srv1", "srv1"), SETTLED),
        # An aborted switchover: another target, or the old primary again.
        (LEAVING, notice("pre-demote", "srv3", "srv1"), ClusterView("srv1", "srv3", ["srv1"])),
        # Whom it is promoted instead of is not told: it only leaves.
        (SETTLED, notice("pre-demote", "srv2 srv3", "srv1"), LEAVING),
        (
            CHANGING,
            notice("pre-demote", "srv1", "srv2"),
            ClusterView("srv1", None, ["srv1", "srv2"]),
        ),
        (
            CHANGING,
            notice("pre-promote", "srv3", "srv1"),
            ClusterView("srv1", "srv3", leaving=["srv1", "srv2"]),
        ),
        # Overtaken: srv2 may have been promoted, and owes its standbys the last of its WAL.
        (
            CHANGING,
            notice("pre-promote", "srv1", "srv2", "srv2"),
            ClusterView("srv1", None, ["srv2"]),
        ),
        (
            CHANGING,
            notice("pre-promote", "srv3", "srv2"),
            ClusterView("srv1", "srv3", ["srv1", "srv2"]),
        ),
        (
            CHANGING,
            notice("pre-demote", "srv3", "srv2"),
            ClusterView("srv1", "srv3", ["srv1", "srv2"]),
        ),
        (FAILOVER, notice("pre-promote", "srv3"), ClusterView(None, "srv3", ["srv1", "srv2"])),
        (CHANGING, notice("post-promote", "srv1", promoted=""), SETTLED),
        # Another pre-demote does not forget who was armed: he may be the primary by now.
        (
            CHANGING,
            notice("pre-demote", "srv3", "srv1"),
            ClusterView("srv1", "srv3", ["srv1", "srv2"]),
        ),
        # The memory is lost or wrong: Pacemaker names the primary, which leaves. So it does where
        # this node knows already what is announced: a server that drains needs no sessions.
        *(
            (view, notice(event, "srv2", "srv1"), after)
            for event in ("pre-demote", "post-demote", "pre-promote")
            for view, after in (
                (UNKNOWN, ClusterView(None, "srv2", ["srv1"])),
                (ClusterView("srv9"), ClusterView("srv9", "srv2", ["srv1", "srv9"])),
                (ClusterView("srv2"), ClusterView("srv2", None, ["srv1"])),
            )
        ),
        # A name is no pattern.
        (SETTLED, notice("pre-demote", "srv2", "srv10"), SETTLED),
        # Nobody, or two: nothing that can be followed.
        (SETTLED, notice("pre-promote", "", "srv1"), SETTLED),
        (SETTLED, notice("pre-promote", "srv2 srv3", "srv1"), SETTLED),
        (CHANGING, notice("post-promote", "srv2 srv3", "srv1"), CHANGING),
        (CHANGING, notice("post-promote", "srv2", "", "srv1"), CHANGING),
        (CHANGING, notice("post-promote", "", "srv1", "srv1"), CHANGING),
        # A node that joins hears post-start: who is promoted already, unless he is on his way out.
        (UNKNOWN, notice("post-start"), SETTLED),
        (UNKNOWN, notice("post-start", "srv2", "srv1"), UNKNOWN),
        (UNKNOWN, notice("post-start", promoted=""), UNKNOWN),
        (UNKNOWN, notice("post-start", promoted="srv1 srv2"), UNKNOWN),
        (FAILOVER, notice("post-start"), FAILOVER),
        (ClusterView("srv2"), notice("post-start"), ClusterView("srv2")),
        # What says nothing about the primary.
        (SETTLED, notice("pre-start", "srv2", "srv1"), SETTLED),
        (LEAVING, notice("post-stop", "srv2", "srv1"), LEAVING),
        (SETTLED, notice("-", "srv2", "srv1"), SETTLED),
        (SETTLED, notice("post-migrate", "srv2", "srv1"), SETTLED),
    ],
)
def test_announce(before: ClusterView, said: Notice, after: ClusterView) -> None:
    assert announce(before, said) == after
    assert announce(after, said) == after, "a repeated notice changes nothing"


def test_a_view_cannot_contradict_itself() -> None:
    assert ClusterView("srv1", "srv1") == SETTLED
    assert ClusterView("srv1", "srv2") == CHANGING, "two are never meant to serve"
    assert ClusterView("srv1", "srv2", ["srv2"]) == CHANGING
    assert SETTLED != CHANGING
    assert SETTLED != "primary srv1"
    assert len({SETTLED, ClusterView("srv1"), CHANGING}) == 2


def test_a_view_in_words() -> None:
    assert [str(view) for view in (UNKNOWN, SETTLED, LEAVING, CHANGING, FAILOVER)] == [
        "primary unknown",
        "primary srv1",
        "primary srv1, leaving srv1",
        "primary srv1, leaving srv1, candidate srv2",
        "primary unknown, candidate srv2",
    ]
    assert [view.settled for view in (UNKNOWN, SETTLED, LEAVING, CHANGING, FAILOVER)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert repr(CHANGING) == "ClusterView('srv1', 'srv2', ['srv1'])"


EVENTS = [
    f"{kind}-{what}" for kind in ("pre", "post") for what in ("start", "stop", "demote", "promote")
]
name_lists = st.lists(st.sampled_from(NODES), unique=True, max_size=2).map(tuple)
# Anything that could stand in the environment, possible or not.
any_notice = st.builds(Notice, st.sampled_from(EVENTS), name_lists, name_lists, name_lists)


def follow(view: ClusterView, notices: list[Notice]) -> ClusterView:
    for each in notices:
        view = announce(view, each)
    return view


@given(st.lists(any_notice, max_size=12))
def test_whatever_is_said_the_view_holds_together(notices: list[Notice]) -> None:
    view = ClusterView()
    for said in notices:
        after = announce(view, said)
        assert after.candidate is None or after.candidate != after.primary
        assert after.candidate not in after.leaving
        assert after.candidate is None or after.primary in (None, *after.leaving)
        assert announce(after, said) == after, "a repeated notice changes nothing"
        if after.primary != view.primary:
            assert said.event in ("post-promote", "post-start"), "an intention is no fact"
            assert after.settled
        if said.event == "post-start" and view != ClusterView():
            assert after == view
        view = after


def repeated(notices: list[Notice], times: Iterable[int]) -> list[Notice]:
    return [said for said, count in zip(notices, times) for _ in range(count)]


@pytest.mark.parametrize("kind", ["switchover", "failover", "fenced", "bounce", "return", "first"])
def test_the_last_notice_alone_is_enough(kind: str) -> None:
    """Every other notice of a transition is lost, comes once, or comes twice."""
    after = "srv1" if kind in ("bounce", "return") else "srv2"
    notices = Transition(None if kind == "first" else "srv1", after, kind).notices()
    for before in (UNKNOWN, SETTLED, LEAVING, ClusterView("srv3"), ClusterView("srv3", "srv1")):
        for times in itertools.product(range(3), repeat=len(notices) - 1):
            end = follow(before, repeated(notices, (*times, 1)))
            assert end == ClusterView(after), (before, times)


@given(transitions(NODES), st.data())
def test_lost_and_repeated_notices_end_in_the_same_view(
    history: list[Transition], data: st.DataObject
) -> None:
    """Two nodes: one hears all, the other what is left of it. After a transition that ends with a
    post-promote that both hear, they know the same.
    """
    heard = heard_badly = ClusterView()
    for transition in history:
        notices = transition.notices()
        settles = notices[-1].event == "post-promote"
        times = data.draw(st.lists(st.integers(0, 2), min_size=len(notices), max_size=len(notices)))
        times[-1] = max(times[-1], int(settles))
        heard = follow(heard, notices)
        heard_badly = follow(heard_badly, repeated(notices, times))
        if settles:
            assert heard == heard_badly == ClusterView(transition.after)


@given(transitions(NODES))
def test_who_hears_all_knows_the_primary(history: list[Transition]) -> None:
    view = ClusterView()
    aborted = False
    for transition in history:
        view = follow(view, transition.notices())
        aborted = transition.kind == "aborted" or (aborted and transition.kind == "leave")
        if transition.kind in ("switchover", "failover", "first"):
            assert view == ClusterView(transition.after)
        elif transition.kind in ("bounce", "leave", "return"):
            assert view.primary == transition.after, "HAProxy comes and goes, the primary stays"
            assert view.settled or aborted, "only a monitor undoes the drain of an aborted one"
