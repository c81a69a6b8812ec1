"""What haproxy.cfg needs to know of the network: addresses of the nodes, and if there is IPv6."""

from __future__ import annotations

import time

from .ocf import ERR_CONFIGURED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WITHIN = 2.0
"""s for all names together: a name server that does not answer must not use up an action's time."""
LOCAL = ("127.0.0.1", "::1")


def resolve(hosts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns the addresses of each host, e.g. {'srv1': ('10.0.0.1',)}; () if its name does not
    resolve now. Raises AgentError (ERR_CONFIGURED) if a host is no host name.
    """
    import threading

    found: dict[str, tuple[str, ...]] = dict.fromkeys(hosts, ())
    wrong: list[str] = []
    # Daemon threads: one that still waits for a name server does not keep the process alive.
    threads = [
        threading.Thread(target=_look_up, args=(host, found, wrong), daemon=True) for host in found
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + WITHIN
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    if wrong:
        raise AgentError(f"parameter nodes: {wrong[0]!r} is not a host name", ERR_CONFIGURED)
    return dict(found)


def _look_up(host: str, found: dict[str, tuple[str, ...]], wrong: list[str]) -> None:
    import socket

    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:  # an empty label, or one of more than 63 characters
        wrong.append(host)
    except OSError:
        pass
    else:
        # Without the scope of a link-local address, as in fe80::1%eth0: HAProxy's src has none.
        found[host] = tuple(sorted({str(each[4][0]).partition("%")[0] for each in answers}))


def unresolved(addresses: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the hosts without an address, sorted."""
    return sorted(host for host, known in addresses.items() if not known)


def members(addresses: Mapping[str, Sequence[str]], role_allow: Sequence[str]) -> tuple[str, ...]:
    """Returns the addresses and networks that count as nodes on the role port."""
    known = sorted({address for found in addresses.values() for address in found})
    return tuple(dict.fromkeys((*LOCAL, *known, *role_allow)))


def loopback(bind: str) -> str:
    """Returns the IPv4 address of the replication port. One that is bound to a loopback address
    uses that one: several nodes on one machine each have theirs.
    """
    return bind if bind.startswith("127.") else "127.0.0.1"


def has_ipv6(address: str = "::") -> bool:
    """Returns whether a port can be opened on this IPv6 address of this machine."""
    import socket

    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, 0))
    except OSError:
        return False
    return True
