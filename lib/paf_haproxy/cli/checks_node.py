"""Whether this node is fit for HAProxy and PAF: ports, units, versions, names, clock. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from ..network import loopback
from .outcome import Missing, fine, note, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..params import Params
    from .facts import Facts, Listener
    from .readiness import Check

ALL = ("*", "0.0.0.0", "::")  # noqa: S104
OWNERS = {"pgport": ("postgres", "postmaster"), "pooler_port": ("pgbouncer",)}
"""Programs that may listen on the ports that are not HAProxy's."""
STARTED = ("enabled", "enabled-runtime")
ACTIVE = ("active", "activating", "reloading")
VERSION = re.compile(r"version\W+v?(\d+)\.(\d+)(?:\.(\d+))?", re.IGNORECASE)
PACEMAKER = re.compile(r"^Pacemaker (\d+)\.(\d+)(?:\.(\d+))?", re.MULTILINE)
HANGS = (2, 8, 0)
"""HAProxy on which the functional tests stopped (docs/compatibility.md)."""
OLDEST: tuple[tuple[str, str, tuple[int, ...], str, str, Callable[..., Check]], ...] = (
    ("HAProxy", "haproxy", (2, 4), "is too old", "install 2.4 or later", wrong),
    ("Pacemaker", "pacemaker", (2, 1), "is too old", "install 2.1 or later", wrong),
    ("PAF", "paf", (2, 3), "was not run with this agent",
     "install resource-agents-paf 2.3.0 or later", note),
)  # fmt: skip
"""Name, program, the oldest version, what an older one is, what to do, and how bad it is."""


def node_checks(facts: Facts) -> Iterator[Check]:
    """Yields the checks that need neither Pacemaker nor PostgreSQL."""
    yield from port_checks(facts)
    yield from unit_checks(facts)
    yield from version_checks(facts)
    yield name_check(facts)
    yield clock_check(facts)


def port_checks(facts: Facts) -> Iterator[Check]:
    """Yields a check for each port: used by the program that it is for, or free."""
    if isinstance(facts.listeners, Missing):
        yield unknown("ports", facts.listeners.why)
        return
    params = facts.params
    for name, number in params.ports.items():
        found = [
            each
            for each in facts.listeners
            if each.port == number and _meets(each.address, name, params)
        ]
        yield _port(facts, name, number, found)


def _port(facts: Facts, name: str, number: int, found: list[Listener]) -> Check:
    title = f"port {number}"
    programs = OWNERS.get(name, ())
    strangers = sorted(
        {
            f"{each.program or 'an unknown program'}" + (f" (pid {each.pid})" if each.pid else "")
            for each in found
            if not (each.program in programs if programs else each.ours)
        }
    )
    if strangers:
        text = f"{' and '.join(strangers)} listens on {name}"
        do = f"stop it, or give {name} another value; to find it: ss -ltnp sport = :{number}"
        if any(stranger.startswith("haproxy ") for stranger in strangers):
            do = "systemctl disable --now haproxy, if it is the distribution's"
        return wrong(title, text, do)
    if found:
        return fine(title, f"{name}: {programs[0] if programs else 'the HAProxy of the agent'}")
    if facts.runs and not programs:
        return note(title, f"HAProxy runs, and does not listen on {name}", "paf-haproxy status")
    return fine(title, f"{name}: free")


def _meets(address: str, name: str, params: Params) -> bool:
    """Returns whether a socket on this address is in the way of a port."""
    wanted: tuple[str, ...] = (params.bind or "*",)
    if name == "replication_port":
        wanted = (loopback(params.bind), "::1")
    elif name in OWNERS:
        wanted = ("*",)
    return address in (*ALL, *wanted) or any(each in ALL for each in wanted)


def unit_checks(facts: Facts) -> Iterator[Check]:
    """Yields the checks of the units: Pacemaker starts HAProxy, and a person starts Pacemaker."""
    if isinstance(facts.units, Missing):
        yield unknown("units", facts.units.why)
        return
    enabled, active = facts.units["haproxy"]
    states = [enabled] if enabled in STARTED else []
    states += [active] if active in ACTIVE else []
    if states:
        text = f"haproxy.service is {' and '.join(states)}: Pacemaker starts HAProxy"
        yield wrong("haproxy unit", text, "systemctl disable --now haproxy")
    else:
        yield fine("haproxy unit", "haproxy.service is neither enabled nor active")
    if facts.params.pooler:
        _, active = facts.units["pgbouncer"]
        if active == "active":
            yield fine("pgbouncer unit", "pgbouncer.service is active")
        else:
            text = f"parameter pooler is set, and pgbouncer.service is {active or 'not there'}"
            do = "systemctl enable --now pgbouncer; or remove parameter pooler"
            yield wrong("pgbouncer unit", text, do)
    enabled, _ = facts.units["pacemaker"]
    if enabled in STARTED:
        text = "Pacemaker starts at boot; PAF advises that a person looks at a lost node first"
        yield note("boot", text, "systemctl disable pacemaker corosync")
    else:
        yield fine("boot", "Pacemaker does not start at boot, as PAF advises")


def version_checks(facts: Facts) -> Iterator[Check]:
    """Yields the checks of versions with known defects."""
    for name, program, least, text, do, judged in OLDEST:
        found = _version(facts, program)
        if isinstance(found, Missing):
            yield unknown(name, found.why)
        elif program == "haproxy" and found[:3] == HANGS:
            text = "HAProxy 2.8.0 hangs (docs/compatibility.md)"
            yield wrong(name, text, "install a later 2.8, or another branch")
        elif found < least:
            yield judged(name, f"{name} {_dotted(found)} {text}", do)
        else:
            yield fine(name, f"version {_dotted(found)}")


def _version(facts: Facts, program: str) -> tuple[int, ...] | Missing:
    """Returns a version in numbers. One without a third number (3.5-dev5) has two."""
    text = facts.versions[program]
    if isinstance(text, Missing):
        return text
    found = (PACEMAKER if program == "pacemaker" else VERSION).search(text)
    if not found:
        return Missing(f"{program} does not tell its version")
    return tuple(int(each) for each in found.groups() if each is not None)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def name_check(facts: Facts) -> Check:
    """Returns whether every node's name leads to another address than the loopback one."""
    if isinstance(facts.addresses, Missing):
        return unknown("names", facts.addresses.why)
    troubles = []
    for host, addresses in sorted(facts.addresses.items()):
        local = [each for each in addresses if ipaddress.ip_address(each).is_loopback]
        if not addresses:
            troubles.append(f"{host} does not resolve")
        elif local:
            troubles.append(f"{host} is {' and '.join(local)}, which no other node reaches")
    if troubles:
        do = "give each name the node's address in DNS or /etc/hosts, on every node"
        return wrong("names", "; ".join(troubles), do)
    return fine("names", f"{' '.join(sorted(facts.addresses))}: each resolves")


def clock_check(facts: Facts) -> Check:
    """Returns whether the clock is synchronized: the times in the logs of the nodes then agree."""
    if isinstance(facts.clock, Missing):
        return unknown("clock", facts.clock.why)
    if facts.clock.strip() == "yes":
        return fine("clock", "synchronized")
    text = "the clock is not synchronized: times in the logs of the nodes cannot be compared"
    return note("clock", text, "start chrony or systemd-timesyncd: timedatectl set-ntp true")
