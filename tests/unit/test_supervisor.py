"""systemd's part: what it is asked for, and what comes next where it does not do it."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from paf_haproxy import launch, log, lookout, pacemaker, postgres, process, rolefile, supervisor
from paf_haproxy.actions import perform
from paf_haproxy.cluster import ClusterView
from paf_haproxy.context import Context, Notice
from paf_haproxy.follow import follow
from paf_haproxy.ocf import AgentError, Rejected
from paf_haproxy.params import Params, parse
from paf_haproxy.render import config_path
from paf_haproxy.rolefile import Role
from paf_haproxy.run import CommandError

from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model
from tests.tools.waiting import eventually

NODES = ("srv1", "srv2", "srv3")
PROMOTED = 8


class Systemd:
    """It notes what is asked of it. refuses: programs that fail, and their exit code, or None for
    one that does not end. state: the unit's.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: dict[str, int | None] = {}
        self.says = "no"
        self.journal = ""
        self.state: Callable[[], str] = lambda: "inactive"

    def run(self, command: Sequence[str], timeout: float) -> str:
        self.asked.append(" ".join(command))
        if command[0] in self.refuses:
            status = self.refuses[command[0]]
            raise CommandError(command, status or -1, self.says, status is None)
        if command[0] == "journalctl":
            return self.journal
        return self.state() + "\n" if "show" in command else ""

    def last(self, program: str) -> str:
        return [line for line in self.asked if line.startswith(program)][-1]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    found = Systemd()
    monkeypatch.setattr(supervisor, "RUNNING", str(tmp_path))
    monkeypatch.setattr(supervisor, "run", found.run)
    monkeypatch.setattr(launch, "run", found.run)
    return found


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return parse({"statedir": str(tmp_path)})


def serving() -> FakeHaproxy:
    return FakeHaproxy(Model.fresh(NODES))


def test_the_unit_is_named_after_the_state_directory() -> None:
    assert supervisor.unit(parse({})) == "paf-haproxy.service"
    assert supervisor.unit(parse({"statedir": "/run/b"})) == "paf-haproxy-run-b.service"


def test_a_crash_is_mended_and_an_end_on_request_is_not(systemd: Systemd, params: Params) -> None:
    supervisor.start(params, ["/usr/sbin/haproxy", "-f", "x"], 5)
    line = systemd.last("systemd-run")
    assert "--property=Restart=on-failure" in line
    assert "--property=SuccessExitStatus=143" in line
    assert line.endswith(" /usr/sbin/haproxy -Ws -f x")


def test_systemd_ends_all_of_it(systemd: Systemd, params: Params) -> None:
    """First the master, then every process in the unit's control group."""
    supervisor.start(params, ["/usr/sbin/haproxy"], 5)
    assert "--property=KillMode=mixed" in systemd.last("systemd-run")
    assert "--property=KillSignal=SIGUSR1" in systemd.last("systemd-run")


def test_a_machine_that_goes_down_leaves_haproxy_to_pacemaker(
    systemd: Systemd, params: Params
) -> None:
    supervisor.start(params, ["/usr/sbin/haproxy"], 5)
    assert "--property=DefaultDependencies=no" in systemd.last("systemd-run")


def test_systemd_starts_it(systemd: Systemd, params: Params) -> None:
    with serving().listen(Path(params.statedir) / "admin.sock"):
        launch.start(params, 5)
    assert [line.split()[0] for line in systemd.asked] == ["systemctl", "systemd-run"]


def test_without_systemd_it_runs_by_itself(systemd: Systemd, params: Params) -> None:
    """systemd is there, and does not do it."""
    systemd.refuses = {"systemd-run": 1}
    with serving().listen(Path(params.statedir) / "admin.sock"):
        launch.start(params, 5)
    assert systemd.asked[-1].startswith(f"/usr/sbin/haproxy -W -D -f {params.statedir}/haproxy.cfg")


def test_a_haproxy_that_refuses_is_not_tried_again(systemd: Systemd, params: Params) -> None:
    """The unit failed, and not systemd: the same program would fail as a daemon, too."""
    systemd.refuses = {"systemd-run": 1}
    systemd.says = "Job for paf-haproxy.service failed because the control process exited."
    systemd.journal = "x\n[ALERT]    (7) : Binding [x:9] for proxy prod: cannot bind socket\n"
    with pytest.raises(Rejected) as caught:
        launch.start(params, 5)
    assert "Binding [x:9] for proxy prod: cannot bind socket" in caught.value.reason
    assert f"journalctl -u {supervisor.unit(params)}" in caught.value.reason
    assert not any(line.startswith("/usr/sbin/haproxy") for line in systemd.asked)


def test_what_may_still_come_is_not_started_twice(systemd: Systemd, params: Params) -> None:
    systemd.refuses = {"systemd-run": None}
    with serving().listen(Path(params.statedir) / "admin.sock"), pytest.raises(CommandError):
        launch.start(params, 5)
    assert not any(line.startswith("/usr/sbin/haproxy") for line in systemd.asked)


@pytest.fixture
def sleeper(params: Params) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has HAProxy's arguments, in a group of its own."""
    words = ["bash", "-c", "sleep 60 & wait", "haproxy", "-f", config_path(params)]
    running = subprocess.Popen(words, start_new_session=True)
    Path(process.pid_path(params)).write_text(f"{running.pid}\n")
    yield running
    running.kill()
    running.wait()


def test_who_is_the_master(params: Params, sleeper: subprocess.Popen[bytes]) -> None:
    assert process.leader(params) == sleeper.pid
    assert process.command(params)[0] == "bash"


@pytest.mark.parametrize(("mode", "has"), [("-D", False), ("-W", True), ("-Ws", True)])
def test_the_command_line_tells_whether_there_is_a_master(
    params: Params, mode: str, has: bool
) -> None:
    """The socket does not: an earlier version, installed again, leaves it behind."""
    Path(params.statedir, "master.sock").touch()
    words = ["bash", "-c", "sleep 60 & wait", "haproxy", mode, "-f", config_path(params)]
    with subprocess.Popen(words, start_new_session=True) as running:
        Path(process.pid_path(params)).write_text(f"{running.pid}\n")
        assert process.has_master(params) is has
        running.kill()
    assert not process.has_master(params)


def test_a_pid_that_is_another_programs_now(
    params: Params, sleeper: subprocess.Popen[bytes]
) -> None:
    """Nothing is killed for having a pid, or for having our arguments without being named."""
    Path(process.pid_path(params)).write_text(f"{os.getpid()}\n")
    assert process.leader(params) is None
    process.stop(params, 5)
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "x\n", "1\n", "0\n", "-1\n", "99999999\n"])
def test_a_pid_file_that_names_no_master(params: Params, text: str) -> None:
    Path(process.pid_path(params)).write_text(text)
    assert process.leader(params) is None


def test_an_end_needs_no_other_program(
    params: Params,
    sleeper: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """HAProxy and its workers end although there is no memory for systemctl."""
    monkeypatch.setattr(supervisor, "RUNNING", str(tmp_path))

    def out_of_memory(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(subprocess, "run", out_of_memory)
    eventually(lambda: len(process.members(sleeper.pid)) == 2, "it has a worker")
    pids = process.members(sleeper.pid)
    process.stop(params, 5)
    assert not any(map(process.alive, pids))


def test_a_stop_lets_go_first(systemd: Systemd, params: Params) -> None:
    process.stop(params, 5)
    assert systemd.asked == ["systemctl stop --no-block " + supervisor.unit(params)]


@pytest.mark.parametrize(("status", "lines"), [(supervisor.NO_SUCH_UNIT, 0), (1, 2)])
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
    return Context(
        action, "srv1", {"statedir": params.statedir}, Notice("-"), interval=4000, promoted=True
    )


@pytest.mark.parametrize("action", ["monitor", "demote", "promote"])
def test_an_action_between_two_processes_waits(
    systemd: Systemd, params: Params, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """HAProxy has crashed, and systemd starts it: nothing has failed."""
    rolefile.save(params.statedir, Role(ClusterView("srv1"), True, "post-promote"))
    monkeypatch.setattr(postgres, "await_primary", lambda *_: None)
    monkeypatch.setattr(pacemaker, "drained", lambda _: frozenset())
    monkeypatch.setattr(pacemaker, "idle", lambda: False)
    with ExitStack() as stack:

        def begin() -> str:
            if not Path(params.statedir, "admin.sock").exists():
                stack.enter_context(serving().listen(Path(params.statedir, "admin.sock")))
            return "activating"

        systemd.state = begin
        assert perform(context(action, params)) == (PROMOTED if action == "monitor" else 0)


def serves(stack: ExitStack, params: Params) -> None:
    rolefile.save(params.statedir, Role(ClusterView("srv1"), False, "pre-promote"))
    stack.enter_context(serving().listen(Path(params.statedir, "admin.sock")))


def test_a_promotion_without_the_user_that_would_ask_postgresql(
    params: Params, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pacemaker would demote, stop, start and promote HAProxy again, for ever."""
    raw = {"statedir": params.statedir, "system_user": "nosuch"}
    with ExitStack() as stack:
        serves(stack, params)
        assert perform(Context("promote", "srv1", raw, Notice("-"))) == 0
    role = rolefile.load(params.statedir)
    assert role and role.promoted
    assert (
        "parameter system_user: no user nosuch; HAProxy is promoted, because"
        in capfd.readouterr().err
    )


def test_a_promotion_while_postgresql_is_no_primary(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AgentError("PostgreSQL on this node is not the primary: it is in recovery")

    monkeypatch.setattr(postgres, "await_primary", never)
    with ExitStack() as stack:
        serves(stack, params)
        with pytest.raises(AgentError, match="it is in recovery"):
            perform(context("promote", params))
    role = rolefile.load(params.statedir)
    assert role and not role.promoted


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
