"""systemd's part: what it is asked for, and what comes next where it does not do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from paf_haproxy import launch, log, pacemaker, postgres, process, rolefile, supervisor
from paf_haproxy.command import CommandError
from paf_haproxy.context import Context, Notice
from paf_haproxy.dispatch import perform
from paf_haproxy.ocf import AgentError, Rejected
from paf_haproxy.params import Params, parse
from paf_haproxy.rolefile import Role
from paf_haproxy.view import ClusterView

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
