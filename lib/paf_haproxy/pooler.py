"""Moves the sessions of this node's PgBouncer when the primary changes.

HAProxy was drained before. RECONNECT has PgBouncer close each of its connections to PostgreSQL as
soon as no transaction needs it. The next transaction of a session opens a new one, which waits in
HAProxy for the new primary. RECONNECT leaves no state that must be undone, PAUSE does.
"""

from __future__ import annotations

import time

from . import log, params, runtime
from .ocf import AgentError
from .pgbouncer import Console
from .routing import PROD, READY, STDBY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .context import Context
    from .params import Params
    from .routing import Server
    from .view import ClusterView

LOCAL = ("127.", "localhost", "::1")
"""How the host of a database begins if PgBouncer reaches it through the HAProxy of this node."""
ROUND = 0.02  # s between two looks at PgBouncer's connections


class Change:
    """A change of primary. HAProxy has followed it. old: the view before. view: the view now.
    gone: the nodes that are lost.
    """

    def __init__(self, old: ClusterView, view: ClusterView, gone: Iterable[str]) -> None:
        self.old = old
        self.view = view
        self.gone = frozenset(gone)

    @property
    def leaves_prod(self) -> bool:
        return bool(self.view.leaving - self.old.leaving)

    @property
    def leaves_stdby(self) -> bool:
        """Whether a standby is on its way to being the primary, and was not before."""
        now, before = (each.candidate or each.primary for each in (self.view, self.old))
        return now not in (None, before, self.old.primary)


class Pooler:
    """This node's PgBouncer, which has told its databases, and has been told nothing yet."""

    def __init__(self, context: Context, change: Change) -> None:
        """Raises AgentError if PgBouncer does not answer within pooler_wait, or if the parameter is
        invalid.
        """
        self._context = context
        self._change = change
        self._values = params.parse_leniently(context.parameters, log.warning)
        self._within = min(self._values.pooler_wait / 1000, context.timeout / 2)
        if not self._values.pooler:
            raise AgentError("parameter pooler is invalid")
        self._console = _console(self._values, self._within)
        try:
            self._databases = self._console.ask("SHOW DATABASES")
        except AgentError:
            self._console.close()
            raise

    def follow(self) -> str:
        """Has PgBouncer leave the nodes that leave prod or stdby. Returns what to add to the log
        line; '' if PgBouncer does not answer, and then the log says so.

        If the change is planned, it waits until the transactions there have ended, for pooler_wait
        at most. PostgreSQL stops only after that if PAF's demote waits for it (notify.paf_waits).
        """
        try:
            return self._follow()
        except AgentError as error:
            _sorry(error)
            return ""

    def _follow(self) -> str:
        began = time.monotonic()
        states, up = runtime.Runtime(runtime.admin_socket(self._context.statedir)).servers()
        try:
            names = through_haproxy(self._databases, self._values, self._ports(states, up))
            names = reconnect(self._console, names)
            late = await_transactions(self._console, names) if self._planned(up) else 0
        finally:
            self._console.close()
        if late:
            text = f"PgBouncer: {late} transactions have not ended within {self._within:g} s"
            log.warning(f"{text}, and end with an error")
        took = (time.monotonic() - began) * 1000
        return f"; PgBouncer: {' '.join(names) or 'no database'} reconnected, {took:.0f} ms"

    def _planned(self, up: Iterable[Server]) -> bool:
        planned = self._context.notice.event in ("pre-demote", "post-demote")
        serve = all((PROD, node) in up for node in self._change.view.leaving)
        return planned and serve and not self._change.gone

    def _ports(self, states: Mapping[Server, str], up: Iterable[Server]) -> set[str]:
        """Returns the ports of HAProxy whose connections must end."""
        readers = self._values.standby_fallback == "primary" or any(
            pool == STDBY and states[pool, node] == READY for pool, node in up
        )
        ports = {str(self._values.prod_port)} if self._change.leaves_prod else set()
        if self._change.leaves_stdby and readers:
            # If there is no other server, PgBouncer refuses a client. So readers then stay where
            # they are, until PostgreSQL there is the primary.
            ports.add(str(self._values.stdby_port))
        return ports


def ask(context: Context, change: Change) -> Pooler | None:
    """Returns the PgBouncer of this node, or None if it has nothing to do, or does not answer. Then
    the log says so.
    """
    if not (change.leaves_prod or change.leaves_stdby):
        return None
    try:
        return Pooler(context, change)
    except AgentError as error:
        _sorry(error)
        return None


def _sorry(error: AgentError) -> None:
    log.warning(f"{error.reason}; open transactions of its clients end with an error")


def renew(values: Params) -> None:
    """After a reload: has PgBouncer leave HAProxy's worker from before it, which can then end.
    PgBouncer would use its connections for up to an hour (server_lifetime).
    """
    try:
        console = _console(values, values.pooler_wait / 1000)
        try:
            ports = {str(values.prod_port), str(values.stdby_port)}
            reconnect(console, through_haproxy(console.ask("SHOW DATABASES"), values, ports))
        finally:
            console.close()
    except AgentError as error:
        log.info(f"{error.reason}; PgBouncer's connections go on in HAProxy's old worker")


def _console(values: Params, within: float) -> Console:
    return Console(f"{values.pooler}/.s.PGSQL.{values.pooler_port}", within)


def through_haproxy(
    databases: Iterable[Mapping[str, str]], values: Params, ports: set[str]
) -> list[str]:
    """Returns the databases that PgBouncer reaches through one of these ports of this node.
    databases: the answer to SHOW DATABASES.
    """
    return [
        row["name"]
        for row in databases
        if row["port"] in ports and (row["host"].startswith(LOCAL) or row["host"] == values.bind)
    ]


def reconnect(console: Console, names: Iterable[str]) -> list[str]:
    """Sends RECONNECT for these databases. Returns the names of those that it was sent for.

    RECONNECT also ends a connection whose login has not been answered yet. PgBouncer takes that for
    a failed login, and while HAProxy holds the next one, it refuses every transaction ("server
    login has been failing"). So a database with such a login is left alone: its clients wait, and
    its old connections end with PostgreSQL.
    """
    wanted = list(names)
    stuck = logging_in(console, wanted)
    if stuck:
        log.info(f"PgBouncer is logging in to {' '.join(sorted(stuck))}: RECONNECT is not sent")
    rest = [name for name in wanted if name not in stuck]
    for name in rest:
        quoted = name.replace('"', '""')
        console.ask(f'RECONNECT "{quoted}"')
    return rest


def logging_in(console: Console, names: Iterable[str]) -> set[str]:
    """Returns the databases that PgBouncer logs in to at the moment."""
    states = {(row["database"], row["state"]) for row in console.ask("SHOW SERVERS")}
    return {name for name in names if (name, "new") in states}


def await_transactions(console: Console, names: Iterable[str]) -> int:
    """Waits until the transactions from before RECONNECT have ended. Returns how many have not when
    the time of the console is over.

    WAIT_CLOSE would also wait for idle connections, which PgBouncer closes three times a second.
    In session pooling a connection is in use until its client leaves; nobody waits for that.
    """
    pools = {
        (row["database"], row["user"])
        for row in console.ask("SHOW POOLS")
        if row["database"] in names and row["pool_mode"] != "session"
    }
    while True:
        late = sum(_unfinished(row, pools) for row in console.ask("SHOW SERVERS"))
        if not late or console.left() < 2 * ROUND:
            return late
        time.sleep(ROUND)


def _unfinished(row: dict[str, str], pools: set[tuple[str, str]]) -> bool:
    used = row["state"] == "active" and row["close_needed"] == "1"
    return used and (row["database"], row["user"]) in pools
