"""systemd's part: what it is asked for, and what comes next where it does not do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from paf_haproxy import log, lookout, pacemaker, postgres, process, rolefile, supervisor
from paf_haproxy.actions import perform
from paf_haproxy.cluster import ClusterView
from paf_haproxy.context import Context, Notice
from paf_haproxy.follow import follow
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import Params, parse
from paf_haproxy.rolefile import Role
from paf_haproxy.run import CommandError

from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

NODES = ("srv1", "srv2", "srv3")
PROMOTED = 8


class Systemd:
    """It notes what is asked of it. refuses: programs that fail, and their exit code, or None for
    one that does not end. state: the unit's.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: dict[str, int | None] = {}
        self.state: Callable[[], str] = lambda: "inactive"

    def run(self, command: Sequence[str], timeout: float) -> str:
        self.asked.append(" ".join(command))
        if command[0] in self.refuses:
            status = self.refuses[command[0]]
            raise CommandError(command, status or -1, "no", status is None)
        return self.state() + "\n" if "show" in command else ""

    def last(self, program: str) -> str:
        return [line for line in self.asked if line.startswith(program)][-1]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    found = Systemd()
    monkeypatch.setattr(supervisor, "RUNNING", str(tmp_path))
    monkeypatch.setattr(supervisor, "run", found.run)
    monkeypatch.setattr(process, "run", found.run)
    return found


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return parse({"statedir": str(tmp_path)})


def serving() -> FakeHaproxy:
    return FakeHaproxy(Model.fresh(NODES))


def test_the_unit_is_named_after_the_state_directory() -> None:
    assert supervisor.unit(parse({})) == "paf-haproxy.service"
    assert supervisor.unit(parse({"statedir": "/run/b"})) == "paf-haproxy-run-b.service"


def test_a_crash_is_mended_and_an_end_is_none(systemd: Systemd, params: Params) -> None:
    supervisor.start(params, ["/usr/sbin/haproxy", "-D"], ["-x", "socket", "-sf"], 5)
    line = systemd.last("systemd-run")
    assert "--property=Restart=on-failure" in line
    assert f"--property=PIDFile={params.statedir}/haproxy.pid" in line
    assert line.endswith(f" /usr/sbin/haproxy -D -p {params.statedir}/haproxy.pid")


def test_a_reload_replaces_the_process_that_systemd_watches(
    systemd: Systemd, params: Params
) -> None:
    supervisor.start(params, ["/usr/sbin/haproxy", "-D"], ["-x", "socket", "-sf"], 5)
    pidfile = f"-p {params.statedir}/haproxy.pid"
    wanted = f"--property=ExecReload=/usr/sbin/haproxy -D {pidfile} -x socket -sf $MAINPID"
    assert wanted in systemd.last("systemd-run")


def test_a_machine_that_goes_down_leaves_haproxy_to_pacemaker(
    systemd: Systemd, params: Params
) -> None:
    supervisor.start(params, ["/usr/sbin/haproxy"], [], 5)
    assert "--property=DefaultDependencies=no" in systemd.last("systemd-run")


def test_systemd_starts_it(systemd: Systemd, params: Params) -> None:
    with serving().listen(Path(params.statedir) / "admin.sock"):
        process.launch(params, 5)
    assert [line.split()[0] for line in systemd.asked] == ["systemctl", "systemd-run"]


def test_without_systemd_it_runs_by_itself(systemd: Systemd, params: Params) -> None:
    systemd.refuses = {"systemd-run": 1}
    with serving().listen(Path(params.statedir) / "admin.sock"):
        process.launch(params, 5)
    assert systemd.asked[-1] == f"/usr/sbin/haproxy -D -f {params.statedir}/haproxy.cfg"


@pytest.mark.parametrize("old", [[], [17]])
def test_what_may_still_come_is_not_started_twice(
    systemd: Systemd, params: Params, monkeypatch: pytest.MonkeyPatch, old: list[int]
) -> None:
    monkeypatch.setattr(process, "find", lambda _: old)
    Path(supervisor.pidfile(params)).write_text("17\n")
    systemd.refuses = {"systemd-run": None, "systemctl": None if old else supervisor.NO_SUCH_UNIT}
    with serving().listen(Path(params.statedir) / "admin.sock"), pytest.raises(CommandError):
        process.launch(params, 5)
    assert not any(line.startswith("/usr/sbin/haproxy") for line in systemd.asked)


def test_systemd_reloads_what_it_watches(
    systemd: Systemd, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "find", lambda _: [17])
    Path(supervisor.pidfile(params)).write_text("17\n")
    with serving().listen(Path(params.statedir) / "admin.sock"):
        process.launch(params, 5)
    assert systemd.asked == ["systemctl reload " + supervisor.unit(params)]


def test_what_has_ended_is_not_reloaded(systemd: Systemd, params: Params) -> None:
    """systemd removes the file only after it has seen the end."""
    Path(supervisor.pidfile(params)).write_text("17\n")
    with serving().listen(Path(params.statedir) / "admin.sock"):
        process.launch(params, 5)
    assert [line.split()[0] for line in systemd.asked] == ["systemctl", "systemd-run"]


def test_a_stop_lets_go_first(systemd: Systemd, params: Params) -> None:
    process.stop(params, 5)
    assert systemd.asked == ["systemctl stop --no-block " + supervisor.unit(params)]


@pytest.mark.parametrize(("status", "lines"), [(supervisor.NO_SUCH_UNIT, 0), (1, 1)])
def test_a_stop_needs_no_unit(
    systemd: Systemd,
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    lines: int,
) -> None:
    """But says that systemd did not let go."""
    said: list[str] = []
    monkeypatch.setattr(log, "warning", said.append)
    systemd.refuses = {"systemctl": status}
    process.stop(params, 5)
    assert len(said) == lines


def test_a_systemd_that_does_not_say_is_not_waited_for(systemd: Systemd, params: Params) -> None:
    systemd.refuses = {"systemctl": 1}
    assert not process.comes_back(params)


def context(action: str, params: Params) -> Context:
    return Context(action, "srv1", {"statedir": params.statedir}, Notice("-"))


@pytest.mark.parametrize("action", ["monitor", "demote", "promote"])
def test_an_action_between_two_processes_waits(
    systemd: Systemd, params: Params, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """HAProxy has crashed, and systemd starts it: nothing has failed."""
    rolefile.save(params.statedir, Role(ClusterView("srv1"), True, "post-promote"))
    monkeypatch.setattr(postgres, "await_primary", lambda *_: None)
    monkeypatch.setattr(pacemaker, "drained", frozenset)
    monkeypatch.setattr(pacemaker, "idle", lambda: False)
    with ExitStack() as stack:

        def begin() -> str:
            if not Path(params.statedir, "admin.sock").exists():
                stack.enter_context(serving().listen(Path(params.statedir, "admin.sock")))
            return "activating"

        systemd.state = begin
        assert perform(context(action, params)) == (PROMOTED if action == "monitor" else 0)


@pytest.mark.parametrize(("action", "code"), [("monitor", 7), ("demote", 7)])
def test_without_one_to_come_it_does_not_run(
    systemd: Systemd, params: Params, action: str, code: int
) -> None:
    assert perform(context(action, params)) == code


def test_who_is_being_started_is_waited_for(systemd: Systemd, params: Params) -> None:
    systemd.state = lambda: "activating"
    with serving().listen(Path(params.statedir) / "admin.sock"):
        assert process.comes_back(params)


def test_a_unit_that_gave_up_is_not_waited_for(systemd: Systemd, params: Params) -> None:
    states = iter(["activating", "activating", "failed"])
    systemd.state = lambda: next(states)
    assert not process.comes_back(params)
    assert len(systemd.asked) == 3


def test_no_systemd_no_waiting(
    systemd: Systemd, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "RUNNING", "/nowhere")
    assert not process.comes_back(params)
    assert systemd.asked == []


class TestFollow:
    def test_a_new_haproxy_learns_what_the_node_remembers(self, params: Params) -> None:
        rolefile.save(params.statedir, Role(ClusterView("srv2"), True, "post-promote"))
        haproxy = serving()
        with haproxy.listen(Path(params.statedir) / "admin.sock"):
            assert follow(params.statedir) == 0
        assert haproxy.model.ready() == {"srv2"}

    def test_the_next_monitor_is_a_thorough_one(self, params: Params) -> None:
        Path(lookout.path(params.statedir)).write_text("all is well")
        follow(params.statedir)
        assert not Path(lookout.path(params.statedir)).exists()

    def test_the_last_word_counts(self, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
        """A notification comes while an older role is still on its way."""
        roles = [Role(ClusterView(name)) for name in ("srv1", "srv2", "srv2")]
        monkeypatch.setattr(rolefile, "load", lambda _: roles.pop(0))
        haproxy = serving()
        with haproxy.listen(Path(params.statedir) / "admin.sock"):
            follow(params.statedir)
        assert haproxy.model.ready() == {"srv2"}
        assert roles == []

    def test_before_the_first_start_there_is_nothing_to_follow(self, params: Params) -> None:
        assert follow(params.statedir) == 0

    def test_a_haproxy_that_is_gone_again_is_said(self, params: Params) -> None:
        rolefile.save(params.statedir, Role(ClusterView("srv2")))
        with pytest.raises(AgentError, match="does not listen"):
            follow(params.statedir)
