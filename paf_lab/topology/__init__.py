"""Ways to reach the primary, side by side in the same lab: one short file each."""

from __future__ import annotations

from ..errors import LabError
from .base import Topology
from .documented import Documented
from .lvs import Lvs
from .multihost import Multihost, MultihostVip
from .on_5432 import Instance, StateSocket5432, Vip5432
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
        Vip5432(),
        StateSocket5432(),
        Instance(),
    )
}
DEFAULT = PafHaproxy.name
_ALONE = (
    Documented.name,
    MultihostVip.name,
    Vip5432.name,
    StateSocket5432.name,
    Instance.name,
)
COMPARED = tuple(name for name in ALL if name not in _ALONE)
__all__ = ["ALL", "COMPARED", "DEFAULT", "Topology", "named"]


def named(name: str) -> Topology:
    """Returns the topology of that name. Raises LabError if there is none."""
    if name not in ALL:
        raise LabError(f"no topology {name}: there are {', '.join(ALL)}")
    return ALL[name]
