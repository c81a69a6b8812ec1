"""HAProxy's servers get the states of a role. On the hot path."""

from __future__ import annotations

from . import log, rolefile, runtime
from .ocf import AgentError
from .routing import SHUTDOWN, closing, commands, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .rolefile import Role
    from .routing import Server


def project(statedir: str, role: Role, gone: Iterable[str] = ()) -> list[str]:
    """Sets HAProxy's servers to the states of the role, and closes the sessions to nodes that are
    gone, in the workers from before a reload, too. Returns the commands that it sent.

    Raises AgentError if HAProxy cannot be reached or objects.
    """
    haproxy = runtime.Runtime(runtime.admin_socket(statedir))
    have, up = haproxy.servers()
    lines = commands(have, wanted(role.view, sorted({node for _, node in have}), role.drained), up)
    lines += closing(have, gone)
    objections = haproxy.run(lines)
    close_rest(statedir, lines)
    if objections:
        raise AgentError(f"HAProxy refuses a command: {'; '.join(objections)}")
    return lines


def settle(statedir: str, role: Role) -> Iterator[tuple[Role, list[str]]]:
    """Sets HAProxy's servers to the states of the role, and then to those of the role file for as
    long as that says something else: a notification may come meanwhile, and its word counts. Yields
    each role, and the commands that it took.

    Raises AgentError as project does, or if the role file cannot be believed.
    """
    last: Role | None = role
    while last is not None:
        role = last
        yield role, project(statedir, role)
        last = rolefile.load(statedir)
        if last and (last.view, last.drained) == (role.view, role.drained):
            return


def close_rest(statedir: str, lines: list[str]) -> None:
    """Closes the sessions that the commands leave open: sessions that have waited in the queue, and
    sessions in the workers from before a reload.
    """
    closing = (line[len(SHUTDOWN) :] for line in lines if line.startswith(SHUTDOWN))
    servers = [(pool, node) for pool, _, node in (name.partition("/") for name in closing)]
    if not servers:
        return
    from . import master  # after HAProxy has followed

    failed = []
    try:
        master.close_sessions(runtime.Runtime(runtime.admin_socket(statedir)), servers)
    except AgentError as error:
        failed.append(error.reason)
    try:
        master.close_old_sessions(statedir, servers)
    except AgentError as error:
        failed.append(error.reason)
    if failed:
        log.warning(f"{'; '.join(failed)}; some sessions to {_names(servers)} stay open for now")


def _names(servers: list[Server]) -> str:
    return " ".join(sorted({node for _, node in servers}))


def describe(lines: list[str]) -> str:
    """Returns the new state of each server in a few words, e.g. 'prod/srv1 drain, stdby/srv2
    ready'.
    """
    changes = [line.split() for line in lines if " state " in line]
    states = {words[2]: words[4] for words in changes}
    return ", ".join(f"{server} {state}" for server, state in states.items()) or "no server changes"
