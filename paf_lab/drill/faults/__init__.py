"""The drills. What cannot be had: a clock that is wrong on one node. The lab's nodes are containers
and share the clock of their host.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..drill import Drill
from .ban import Ban
from .cluster import Maintenance, NodeStandby, Reload, RollingRestart
from .combined import DoubleFailure, SlowPromote
from .daemons import PACEMAKER, KillCorosync
from .fencing import FencingFails
from .flood import Flood
from .haproxy import (
    BrokenTemplate,
    KillHaproxy,
    KillHaproxyMaster,
    KillHaproxyStandby,
    StopHaproxy,
    StopHaproxyStandby,
)
from .members import FourthNode, ProxyNode
from .network import Isolate, OneWay, PortCut, QuorumLost
from .notify import ForgottenPromotion, HangingNotify, LostNotify
from .pooler import LongTransactions, PoolerFaults, SlowTransactions, SwitchoverCommand
from .postgres import KillPostgres, KillPostgresStandby, StopPostgres, WalFull
from .power import PowerOffDC, PowerOffPrimary, PowerOffStandby
from .run_files import RoleFiles, RunFull
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
    Ban,
    NodeStandby,
    Maintenance,
    Reload,
    Upgrade,
    RollingRestart,
    FourthNode,
    ProxyNode,
    KillHaproxy,
    KillHaproxyMaster,
    KillHaproxyStandby,
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
    FencingFails,
    Isolate,
    OneWay,
    PortCut,
    QuorumLost,
    KillCorosync,
    *PACEMAKER,
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
