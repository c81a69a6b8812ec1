"""Ways to reach the primary, side by side in the same lab: one short file each."""

from __future__ import annotations

from ..errors import LabError
from .base import Topology
from .documented import Documented
from .lvs import Lvs
from .multihost import Multihost, MultihostVip
from .ours import PafHaproxy
from .patroni import Patroni, PatroniTuned
from .pgsql_check import PgsqlCheck
from .portblock import Portblock
from .sql_check import SqlCheck, SqlCheckTuned
from .state_socket import StateSocket, StateSocketTuned
from .vip import Vip

ALL: dict[str, Topology] = {
    each.name: each
    for each in (
        PafHaproxy(),
        Vip(),
        Multihost(),
        StateSocket(),
        StateSocketTuned(),
        SqlCheck(),
        SqlCheckTuned(),
        PgsqlCheck(),
        Portblock(),
        Patroni(),
        PatroniTuned(),
        Lvs(),
        MultihostVip(),
        Documented(),
    )
}
DEFAULT = PafHaproxy.name
COMPARED = tuple(name for name in ALL if name not in (Documented.name, MultihostVip.name))
__all__ = ["ALL", "COMPARED", "DEFAULT", "Topology", "named"]


def named(name: str) -> Topology:
    """Returns the topology of that name. Raises LabError if there is none."""
    if name not in ALL:
        raise LabError(f"no topology {name}: there are {', '.join(ALL)}")
    return ALL[name]
