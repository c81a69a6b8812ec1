"""What `paf-haproxy check` asks of this node. It changes nothing; checks_*.py judge the answers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, Union
from xml.etree import ElementTree

from .. import network, postgres, process, supervisor
from ..command import run
from ..ocf import AgentError
from ..params import Params, parse
from . import postgres_facts
from .cib import Cib
from .outcome import Missing
from .survey import named_params, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
Fact = Union[T, Missing]

WITHIN = 5.0  # s for a program to answer
LARGEST = 1 << 20  # bytes that are read of a file
PAF = "/usr/lib/ocf/resource.d/heartbeat/pgsqlms"
UNITS = ("haproxy", "pgbouncer", "pacemaker")
LISTENER = re.compile(r"^\S+\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+\s*(.*)$")
PROGRAM = re.compile(r'\("([^"]*)",pid=(\d+)')


@dataclass(frozen=True)
class Listener:
    """A TCP socket that listens. ours: it belongs to the HAProxy of the agent."""

    address: str
    port: int
    program: str = ""
    pid: int = 0
    ours: bool = False


@dataclass(frozen=True)
class Facts:
    """postgres: the answer to postgres_facts.QUESTION. login: why HAProxy's role cannot log in, or
    ''. asked: params with the port and the socket directory at which PostgreSQL was asked.
    listeners: every TCP socket that listens here. runs: whether the HAProxy of the agent does.
    units: what systemctl says of each unit, e.g. ('enabled', 'active'). versions: the words in
    which haproxy, pacemaker and paf tell their version. addresses: those of each node's host name.
    clock: what timedatectl says of the synchronization, 'yes' or 'no'.
    """

    node: str
    resource: str
    params: Params
    cib: Fact[Cib]
    postgres: Fact[dict[str, Any]]
    login: Fact[str]
    asked: Params
    listeners: Fact[tuple[Listener, ...]]
    runs: bool
    units: Fact[dict[str, tuple[str, str]]]
    versions: dict[str, Fact[str]]
    addresses: Fact[dict[str, tuple[str, ...]]]
    clock: Fact[str]


def gather(resource: str) -> Facts:
    """Asks everything. Raises AgentError only if it is not known which resource is meant, or if it
    is not typed as root.
    """
    if os.geteuid() != 0:
        raise AgentError("only root can check an installation: sudo paf-haproxy check")
    cib = attempt(_cib)
    name, params = _resource(cib, resource)
    here = os.uname().nodename
    asked = postgres_facts.place(cib, params)
    absent = postgres_facts.absent(params, here)
    return Facts(
        node=here,
        resource=name,
        params=params,
        cib=cib,
        postgres=absent if absent else attempt(lambda: postgres_facts.ask(asked)),
        login=absent if absent else attempt(lambda: postgres.login(asked)),
        asked=asked,
        listeners=attempt(lambda: _listeners(params)),
        runs=process.leader(params) is not None,
        units=attempt(_units),
        versions={
            "haproxy": attempt(lambda: run([params.haproxy, "-v"], WITHIN)),
            "pacemaker": attempt(lambda: run(["crm_mon", "--version"], WITHIN)),
            "paf": attempt(_agent),
        },
        addresses=attempt(lambda: network.resolve(_hosts(cib, params))),
        clock=attempt(
            lambda: run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"], WITHIN)
        ),
    )


def attempt(ask: Callable[[], T]) -> Fact[T]:
    """Returns an answer, or why there is none."""
    try:
        return ask()
    except AgentError as error:
        return Missing(" ".join(error.reason.split()))
    except OSError as error:
        return Missing(f"{error.filename or 'this node'}: {error.strerror}")


def _cib() -> Cib:
    try:
        return Cib(run(["cibadmin", "--query"]))
    except ElementTree.ParseError as error:
        raise AgentError(f"cibadmin --query does not print XML: {error}") from error


def _resource(cib: Fact[Cib], name: str) -> tuple[str, Params]:
    """Returns the name of our resource, and its parameters. If it does not exist, its usual name,
    and the defaults.
    """
    if isinstance(cib, Missing) or not any(ours(each) for each in cib.root.iter("primitive")):
        return name or "haproxy", parse({})
    return named_params(ElementTree.tostring(cib.root, encoding="unicode"), name)


def _listeners(params: Params) -> tuple[Listener, ...]:
    leader = process.leader(params)
    found = parse_listeners(run(["ss", "-Hltnp"], WITHIN))
    return tuple(
        Listener(each.address, each.port, each.program, each.pid, _in_group(each.pid, leader))
        for each in found
    )


def _in_group(pid: int, leader: int | None) -> bool:
    """Returns whether a process is of the HAProxy whose master is the leader."""
    try:
        return bool(pid and leader) and os.getpgid(pid) == os.getpgid(leader or 0)
    except OSError:
        return False


def parse_listeners(text: str) -> Iterator[Listener]:
    """Yields each socket in the output of `ss -Hltnp`, once for each program that has it."""
    for line in text.splitlines():
        found = LISTENER.match(line)
        if found:
            address = found[1].partition("%")[0].strip("[]")
            for program, pid in PROGRAM.findall(found[3]) or [("", "0")]:
                yield Listener(address, int(found[2]), program, int(pid))


def _units() -> dict[str, tuple[str, str]]:
    if not supervisor.present():
        raise AgentError("systemd does not run this machine")
    return {
        unit: (
            run(["systemctl", "is-enabled", unit], WITHIN, fails=True).strip(),
            run(["systemctl", "is-active", unit], WITHIN, fails=True).strip(),
        )
        for unit in UNITS
    }


def _hosts(cib: Fact[Cib], params: Params) -> list[str]:
    """Returns the host names by which HAProxy knows the nodes."""
    if params.nodes:
        return list(dict(params.nodes).values())
    if isinstance(cib, Missing):
        raise AgentError(f"the nodes of the cluster: {cib.why}")
    return list(cib.nodes())


def _agent() -> str:
    """Returns the text of PAF's agent, which has its version."""
    with open(PAF, encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST)
