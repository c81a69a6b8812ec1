"""The monitor action corrects servers that are not in the state of the notifications."""

from __future__ import annotations

import pytest

from tests.tools.instance import connect, query
from tests.tools.node import PROD, Cluster
from tests.tools.waiting import eventually

NOT_RUNNING, PROMOTED = 7, 8
RECURRING = {"OCF_RESKEY_CRM_meta_interval": "4000"}


def test_all_is_well(steady: Cluster) -> None:
    for node in steady.nodes:
        node.await_up("stdby/srv2")
        result = node.do("monitor")
        words = "primary srv1; HAProxy leads prod to srv1, stdby to srv2\n"
        assert (result.out, result.err) == (words, "")


def test_a_recurring_monitor_says_nothing_when_all_is_well(steady: Cluster) -> None:
    recurring = {"OCF_RESKEY_CRM_meta_interval": "4000"}
    result = steady.srv1.act("monitor", environ=recurring)
    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("set server prod/srv1 state maint", "prod/srv1 ready"),
        ("set server prod/srv1 state drain", "prod/srv1 ready"),
        ("disable server prod/srv1", "prod/srv1 ready"),
        ("set server prod/srv2 state ready", "prod/srv2 maint"),
        ("set server stdby/srv2 state drain", "stdby/srv2 ready"),
        ("set server stdby/srv2 state maint", "stdby/srv2 ready"),
        ("set server stdby/srv1 state ready", "stdby/srv1 maint"),
        (
            "set server prod/srv1 state maint;set server prod/srv2 state ready",
            "prod/srv2 maint, prod/srv1 ready",
        ),
    ],
)
def test_what_was_typed_in_by_hand_is_mended(steady: Cluster, typed: str, said: str) -> None:
    node = steady.srv2
    node.haproxy(typed)
    result = node.mend()
    assert result.err.splitlines() == [f"monitor: mending HAProxy, primary srv1: {said}"]
    assert node.states() == {
        "prod/srv1": "ready",
        "prod/srv2": "maint",
        "stdby/srv1": "maint",
        "stdby/srv2": "ready",
    }
    assert node.mend().err == "", "once"
    eventually(lambda: node.up("prod/srv1"), "it leads to srv1 again")
    assert not node.up("prod/srv2")


@pytest.mark.parametrize("text", [None, "", "junk"])
def test_a_role_file_that_is_gone_or_junk(steady: Cluster, text: str | None) -> None:
    """Pacemaker is asked, and HAProxy goes on as it was."""
    node = steady.srv1
    role = node.statedir / "role"
    role.unlink()
    if text is not None:
        role.write_text(text)
    node.mend()
    assert node.role()["primary"] == "srv1"
    assert node.state("prod/srv1") == "ready"


@pytest.mark.parametrize("drained", [False, True])
def test_a_role_file_that_is_gone_while_pacemaker_is_at_work(
    steady: Cluster, drained: bool
) -> None:
    """Nobody can say who is primary: clients go on where the notifications led them."""
    node = steady.srv2
    before = connect(node.address, PROD)
    if drained:
        (steady.mock / "drained").write_text("srv2\n")
        (steady.mock / "nodes").write_text("srv1 srv2\n")
    (node.statedir / "role").unlink()
    steady.pacemaker("srv1", "S_POLICY_ENGINE")
    try:
        assert node.mend().err == ""
        assert node.servers()["prod/srv1"] == ("ready", True)
        assert query(before, "SELECT 1") == 1
        steady.pacemaker("srv1")
        assert "Pacemaker says primary srv1" in node.mend().err
        assert node.role()["drained"] == ("srv2" if drained else "")
        assert query(before, "SELECT 1") == 1, "and were never cut off"
    finally:
        steady.pacemaker("srv1")
        (steady.mock / "drained").unlink(missing_ok=True)
        node.mend()
        (steady.mock / "nodes").unlink(missing_ok=True)
    before.close()


def test_a_role_file_that_is_gone_and_a_pacemaker_that_does_not_answer(steady: Cluster) -> None:
    node = steady.srv2
    (node.statedir / "role").unlink()
    steady.pacemaker(None)
    try:
        node.mend()
        assert node.servers()["prod/srv1"] == ("ready", True)
    finally:
        steady.pacemaker("srv1")
    node.mend()


@pytest.mark.parametrize("word", ["Promoted", "Master"])
def test_a_promoted_instance_without_a_role_file(steady: Cluster, word: str) -> None:
    """Pacemaker's monitor says what it expects; a restart would refuse clients for nothing."""
    node = steady.srv1
    expected = {"OCF_RESKEY_CRM_meta_role": word, "OCF_RESKEY_CRM_meta_interval": "4000"}
    node.do("promote")
    try:
        (node.statedir / "role").write_text("junk")
        assert node.act("monitor", environ=expected).code == PROMOTED
        assert node.role()["instance"] == "promoted"
        assert node.act("monitor").code == PROMOTED, "from the file again"
    finally:
        node.do("demote")


def test_pacemaker_has_forgotten_a_promotion(steady: Cluster) -> None:
    """It has the unpromoted monitor run; a failure of that would restart HAProxy for a name."""
    node = steady.srv1
    node.do("promote")
    pids = node.pids()
    assert node.act("monitor").code == PROMOTED, "a probe, or a person's, hears the truth"
    for _ in range(2):
        assert node.act("monitor", environ=RECURRING).code == 0
    assert node.role()["instance"] == "unpromoted" and node.pids() == pids
    assert node.do("monitor").code == 0


def test_the_promoted_instance_is_mended_too(cluster: Cluster) -> None:
    node = cluster.srv1
    node.do("start")
    node.do("promote")
    node.haproxy("disable server prod/srv1")
    assert "mending HAProxy" in node.mend(code=PROMOTED).err


def test_an_aborted_switchover(running: Cluster) -> None:
    """After the pre-demote nothing follows: PostgreSQL was never touched, and is drained."""
    running.notify("pre-demote", promoted=["srv1"], demote=["srv1"], promote=["srv2"])
    node = running.srv2
    assert node.state("prod/srv1") == "drain"
    running.pacemaker("srv1", "S_TRANSITION_ENGINE")
    assert node.mend().err == "", "a transition is under way"
    assert node.state("prod/srv1") == "drain"
    running.pacemaker("srv1")
    assert "Pacemaker says primary srv1" in node.mend().err
    assert node.servers()["prod/srv1"] == ("ready", True)
    assert node.role()["primary"] == "srv1"


def test_a_monitor_that_cannot_remember(running: Cluster) -> None:
    """HAProxy is mended all the same, and is not restarted for it."""
    node = running.srv2
    pids = node.pids()
    node.haproxy("disable server prod/srv1")
    (node.statedir / "role").unlink()
    (node.statedir / "role").mkdir()  # nothing can take its place
    try:
        result = node.act("monitor", environ=RECURRING)
        assert result.code == 0 and result.reasons == []
        assert "cannot write the role file" in result.err
        assert node.state("prod/srv1") == "ready" and node.pids() == pids
    finally:
        (node.statedir / "role").rmdir()
    node.mend()
