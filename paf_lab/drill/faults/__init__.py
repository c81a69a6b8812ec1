"""The drills. docs/drills-not-run.md lists the faults that the lab cannot cause."""

from __future__ import annotations

from collections.abc import Sequence

from ..drill import Drill
from .asynchronous import IsolateAsync, OneWayAsync, PowerOffAsync
from .backlog import ArchiveBacklog
from .ban import Ban
from .candidate import CandidateWithoutHaproxy
from .cluster import Maintenance, NodeStandby, Reload, RollingRestart
from .cold_start import ColdStart
from .combined import DoubleFailure, SlowPromote
from .daemons import PACEMAKER, KillCorosync
from .fencing import FencingFails
from .flood import Flood
from .frozen import Frozen, FrozenThawed, NodePause
from .haproxy import (
    BrokenTemplate,
    KillHaproxy,
    KillHaproxyMaster,
    KillHaproxyStandby,
    StopHaproxy,
    StopHaproxyStandby,
)
from .haproxy_everywhere import KillEveryHaproxy
from .haproxy_limits import OomHaproxy, StarvedHaproxy
from .lagging import LaggingCandidate
from .many_reloads import ManyReloads
from .members import FourthNode, ProxyNode
from .mixed import MixedVersions
from .network import Isolate, OneWay, PortCut, QuorumLost
from .notify import ForgottenPromotion, HangingNotify, LostNotify
from .packet_loss import AnswersLost, PacketLoss, PacketLossSwitchover, RoleAnswersLost
from .pooler import LongTransactions, PoolerFaults, SlowTransactions, SwitchoverCommand
from .postgres import KillPostgres, KillPostgresStandby, StopPostgres, WalFull
from .power import PowerOffDC, PowerOffPrimary, PowerOffStandby
from .reloads import ReloadInSwitchover
from .run_files import RoleFiles, RunFull
from .slow_fencing import SLOW_FENCING
from .stopped import STOPPED
from .storm import ReconnectStorm
from .stray import StrayPrimary
from .switchover import Switchover
from .upgrade import Upgrade

DRILLS: tuple[type[Drill], ...] = (
    Switchover,
    SwitchoverCommand,
    SlowTransactions,
    LongTransactions,
    PoolerFaults,
    Flood,
    ReconnectStorm,
    StarvedHaproxy,
    ArchiveBacklog,
    LaggingCandidate,
    CandidateWithoutHaproxy,
    Ban,
    NodeStandby,
    Maintenance,
    Reload,
    ReloadInSwitchover,
    ManyReloads,
    Upgrade,
    MixedVersions,
    RollingRestart,
    FourthNode,
    ProxyNode,
    KillHaproxy,
    KillHaproxyMaster,
    KillHaproxyStandby,
    KillEveryHaproxy,
    OomHaproxy,
    StopHaproxy,
    StopHaproxyStandby,
    BrokenTemplate,
    KillPostgres,
    KillPostgresStandby,
    StopPostgres,
    WalFull,
    PowerOffPrimary,
    PowerOffStandby,
    PowerOffDC,
    PowerOffAsync,
    ColdStart,
    NodePause,
    Frozen,
    FrozenThawed,
    FencingFails,
    *SLOW_FENCING,
    Isolate,
    IsolateAsync,
    OneWay,
    OneWayAsync,
    PortCut,
    RoleAnswersLost,
    AnswersLost,
    PacketLoss,
    PacketLossSwitchover,
    QuorumLost,
    KillCorosync,
    *PACEMAKER,
    *STOPPED,
    LostNotify,
    HangingNotify,
    ForgottenPromotion,
    RoleFiles,
    RunFull,
    StrayPrimary,
    DoubleFailure,
    SlowPromote,
)
SHORT = ("switchover", "poweroff", "kill-postgres", "kill-haproxy", "isolate", "lost-notify")
"""What a continuous integration runs."""


def faults_named(names: Sequence[str]) -> list[type[Drill]]:
    """Returns the drills of these names, in their order."""
    return [next(each for each in DRILLS if each.name == name) for name in names]
