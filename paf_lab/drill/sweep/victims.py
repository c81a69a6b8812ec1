"""What is killed in a sweep, where it is, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...errors import LabError
from .. import commands
from ..stage import Stage

NOTIFY = "paf/haproxy notify"
"""The command line of the agent while it handles a notification."""
CONTROLD = "pacemaker-controld"

Place = Callable[[Stage, str], str]
"""The node, by the stage and the candidate."""
Process = Callable[[Stage, str], int]
"""The pid in the node, by the stage and the node. Raises LabError if there is none."""


@dataclass(frozen=True, kw_only=True)
class Victim:
    """process: None if the pid is not known before: the process is found by its command line,
    `pattern`, at the moment. away: most s without an acknowledged write of anybody. elsewhere:
    whether only clients of other nodes are held to `failed`. The other limits are a drill's.
    """

    name: str
    text: str
    place: Place
    process: Process | None = None
    pattern: str = ""
    away: float
    gap: float
    failed: int
    elsewhere: bool = False
    fencings: int = 0
    repairs: int = 0


def _primary(stage: Stage, candidate: str) -> str:
    return stage.primary


def _candidate(stage: Stage, candidate: str) -> str:
    return candidate


def _dc(stage: Stage, candidate: str) -> str:
    dc = commands.status(stage.anyone).dc
    if dc not in stage.nodes:
        raise LabError("Pacemaker has no DC: crm_mon -1")
    return dc


def _worker(stage: Stage, node: str) -> int:
    pid = commands.haproxy_pid(stage.nodes[node], stage.settings)
    if pid is None:
        raise LabError(f"HAProxy on {node} does not tell its pid")
    return pid


def _postmaster(stage: Stage, node: str) -> int:
    file = f"{stage.settings.pgdata}/postmaster.pid"
    return _number(stage.nodes[node].run("head", "-1", file).stdout, f"{node}: postmaster")


def _controld(stage: Stage, node: str) -> int:
    text = stage.nodes[node].run("pidof", "-s", CONTROLD).stdout
    return _number(text, f"{node}: {CONTROLD}")


def _number(text: str, what: str) -> int:
    if not text.strip().isdecimal():
        raise LabError(f"{what} has no pid: {text.strip()!r}")
    return int(text)


VICTIMS = (
    Victim(
        name="worker",
        text="HAProxy's worker on the primary's node",
        place=_primary,
        process=_worker,
        away=6.0,
        gap=12.0,
        failed=1,  # one whose answer was lost with a standby's WAL stream, or one under way
        elsewhere=True,  # clients of the node itself are refused until HAProxy is back
    ),
    Victim(
        name="agent",
        text="the agent on the primary's node, in its notification",
        place=_primary,
        pattern=NOTIFY,
        away=20.0,  # more than in drill lost-notify
        gap=20.0,
        failed=5,
    ),
    Victim(
        name="candidate",
        text="the candidate's postmaster",
        place=_candidate,
        process=_postmaster,
        away=20.0,  # PAF calls the switchover off, or recovers the new primary
        gap=25.0,
        failed=3,  # as in drill kill-postgres
    ),
    Victim(
        name="dc",
        text="the controller of the node that leads Pacemaker",
        place=_dc,
        process=_controld,
        away=25.0,  # another DC is elected, and may fence the node
        gap=30.0,
        failed=1,
        fencings=1,
        repairs=1,
    ),
)


def named(name: str) -> Victim:
    return next(each for each in VICTIMS if each.name == name)
