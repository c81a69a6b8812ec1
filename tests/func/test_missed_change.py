"""A change of primary without a notification: HAProxy writes a note, and the agent, which systemd
starts then, brings HAProxy to the primary if Pacemaker confirms it. The tests start the agent
themselves.
"""

from __future__ import annotations

import pytest

from tests.tools.node import Cluster, Node
from tests.tools.waiting import always, eventually

pytestmark = pytest.mark.usefixtures("fresh")

LONG = 4.0  # s; HAProxy writes a note after 2 s
CHANGE = {"demote": ["srv1"], "promote": ["srv2"]}


def note(node: Node) -> str:
    path = node.statedir / "memory" / "ended"
    return path.read_text() if path.exists() else ""


def missed(node: Node) -> bool:
    return note(node).endswith(" missed srv2\n")


def hand_over(cluster: Cluster) -> None:
    cluster.srv1.postgres.stop()
    cluster.srv2.postgres.promote()


@pytest.mark.parametrize("name", ["srv1", "srv2"])
def test_haproxy_is_brought_to_the_primary(name: str, running: Cluster) -> None:
    """While the notifications hang, and so the transition does not end."""
    node = getattr(running, name)
    hand_over(running)
    eventually(lambda: missed(node), "HAProxy notes it", within=LONG)
    assert node.state("prod/srv2") == "maint"
    running.pacemaker("srv2", "S_TRANSITION_ENGINE")
    said = node.do("report").err
    assert "missed-change: the notifications left primary srv1, Pacemaker says primary srv2" in said
    node.await_up("prod/srv2", within=2)
    assert node.state("prod/srv1") == "maint"
    role = node.role()
    assert (role["primary"], role["event"], role["repaired"]) == ("srv2", "missed-change", "1")
    assert "mending" not in node.mend().err


def test_pacemaker_does_not_confirm_it(running: Cluster) -> None:
    """Somebody has promoted srv2 by hand."""
    node = running.srv1
    hand_over(running)
    eventually(lambda: missed(node), "HAProxy notes it", within=LONG)
    before = node.states()
    assert node.do("report").err == ""
    assert node.states() == before and node.role()["primary"] == "srv1"


def test_a_second_note_does_not_follow_at_once(running: Cluster) -> None:
    node = running.srv1
    hand_over(running)
    eventually(lambda: missed(node), "HAProxy notes it", within=LONG)
    first = note(node)
    always(lambda: note(node) == first, "it is the same note", during=3)
    eventually(lambda: missed(node) and note(node) != first, "another one", within=4)


def test_a_change_that_was_announced(running: Cluster) -> None:
    running.notify("pre-demote", promoted=["srv1"], **CHANGE)
    hand_over(running)
    for node in running.nodes:
        node.await_up("prod/srv2")
    always(lambda: not any(map(note, running.nodes)), "nothing is noted", during=LONG)


def test_nobody_is_the_primary(running: Cluster) -> None:
    running.srv1.postgres.stop()
    always(lambda: not any(map(missed, running.nodes)), "nothing is noted", during=LONG)


def test_a_second_primary_while_the_first_one_serves(running: Cluster) -> None:
    running.srv2.postgres.promote()
    always(lambda: not any(map(note, running.nodes)), "nothing is noted", during=LONG)
    assert all(node.up("prod/srv1") for node in running.nodes)
