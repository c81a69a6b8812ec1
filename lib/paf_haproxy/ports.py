"""Whether HAProxy can listen on the addresses of a new configuration. `haproxy -c` does not try."""

from __future__ import annotations

import errno
import re
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

    Address = tuple[str, int, bool]
    """host, port, and whether an IPv6 address excludes IPv4. host '' is all of IPv4, '::' all of
    IPv6.
    """

BIND = re.compile(r"^\s*bind\s+(\S+)(.*)$", re.MULTILINE)
LOCAL = ("unix@", "abns@", "fd@", "sockpair@", "/")


def conflict(text: str, running: str, params: Params) -> str:
    """Returns why HAProxy cannot listen on one of the addresses of a configuration, or ''.

    running: the text of the configuration that HAProxy runs with, '' if it does not run. Its
    addresses are not tried: a reload hands them on.
    """
    for address in sorted(addresses(text) - addresses(running)):
        reason = _try(*address)
        if reason:
            return f"{_parameter(reason, address, params)}: {_words(reason, *address[:2])}"
    return ""


def addresses(text: str) -> set[Address]:
    """Returns each TCP address that a configuration binds."""
    found = set()
    for words, options in BIND.findall(text):
        for each in words.split(","):
            word = each.partition("@")[2] if each.startswith(("ipv4@", "ipv6@")) else each
            host, _, port = word.rpartition(":")
            if not word.startswith(LOCAL) and port.isdecimal():
                only = "v6only" in options.split()
                found.add(("" if host == "*" else host.strip("[]"), int(port), only))
    return found


def _try(host: str, port: int, v6only: bool) -> int:
    """Returns the error of binding there as HAProxy does, or 0."""
    try:
        found = socket.getaddrinfo(
            host or "0.0.0.0",  # noqa: S104
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # As HAProxy: another HAProxy may share the port during a migration.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            sock.bind(address)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0


def _parameter(reason: int, address: Address, params: Params) -> str:
    """Returns the parameter that is at fault, in words."""
    if reason == errno.EADDRNOTAVAIL:
        return f"parameter bind: {address[0]!r}"
    names = [name for name in params.values if name.endswith("_port")]
    name = next((each for each in names if params.values[each] == address[1]), None)
    return f"parameter {name}: {address[1]}" if name else f"port {address[1]} of the template"


def _words(reason: int, host: str, port: int) -> str:
    if reason == errno.EADDRINUSE:
        return f"another program listens there; to find it: ss -ltnp sport = :{port}"
    if reason == errno.EADDRNOTAVAIL:
        return "this node has no such address"
    return f"cannot listen on {host or '*'}:{port}: {errno.errorcode.get(reason, reason)}"
