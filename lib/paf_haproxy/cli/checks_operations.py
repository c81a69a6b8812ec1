"""Whether the operations of both resources come often enough, and may take long enough. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cib import default_timeout
from .outcome import fine, note, pcs, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cib import Cib, Resource
    from .readiness import Check

INTERVAL, USUAL_INTERVAL = 10.0, 5.0
"""s: longest interval of our monitor, and the longest of pcs-scripts/60-haproxy.sh."""
NOTIFY, PAF_NOTIFY = 10.0, 60.0
"""s: shortest timeout of our notify (60-haproxy.sh), and of PAF's (PAF's documentation)."""
ROLES = ("Promoted", "Unpromoted")
OURS = {"Promoted": "interval=4s timeout=20s", "Unpromoted": "interval=5s timeout=20s"}
PAFS = {"Promoted": "interval=15s timeout=30s", "Unpromoted": "interval=16s timeout=10s"}
PAF_MONITOR, USUAL_PAF_MONITOR = 45.0, 30.0
"""s: longest interval and timeout together of PAF's monitor of the primary (VOUCH_AFTER in
actions/reconcile.py), and its timeout in pcs-scripts/50-paf.sh."""


def own_operations(cib: Cib, ours: Resource) -> Iterator[Check]:
    """Yields the checks of the operations of ocf:paf:haproxy."""
    yield from _monitors(ours, OURS, INTERVAL, "monitor")
    yield _timeout(cib, ours, NOTIFY, "notify")


def paf_operations(cib: Cib, paf: Resource) -> Iterator[Check]:
    """Yields the checks of the operations of PAF's resource."""
    yield from _monitors(paf, PAFS, None, "PAF monitor")
    yield from _primary_monitor(cib, paf)
    yield _timeout(cib, paf, PAF_NOTIFY, "PAF notify")


def _monitors(
    resource: Resource, usual: dict[str, str], limit: float | None, name: str
) -> Iterator[Check]:
    """Yields whether both roles are monitored, often enough. limit: s, for ours."""
    found = {
        role: [each for each in resource.every("monitor", role) if each.interval != 0]
        for role in ROLES
    }
    for role in ROLES:
        if not found[role]:
            do = pcs(f"resource op add {resource.name} monitor {usual[role]} role={role}")
            yield wrong(name, f"{resource.name} has no monitor of role {role}", do)
    if not all(found.values()):
        return
    shortest = {role: min(each.interval or 0.0 for each in found[role]) for role in ROLES}
    words = " and ".join(f"{shortest[role]:g} s ({role})" for role in ROLES)
    ids = [each.id for role in ROLES for each in found[role]]
    do = pcs(
        *(f"resource op remove {each}" for each in ids),
        *(f"resource op add {resource.name} monitor {usual[role]} role={role}" for role in ROLES),
    )
    if any(each.interval is None for role in ROLES for each in found[role]):
        yield unknown(name, f"an interval of {resource.name} is not understood")
    elif shortest["Promoted"] == shortest["Unpromoted"]:
        yield wrong(name, f"both roles have the interval {shortest['Promoted']:g} s", do)
    elif limit and max(shortest.values()) > limit:
        yield wrong(name, f"every {words}: differences are corrected late", do)
    elif limit and max(shortest.values()) > USUAL_INTERVAL:
        yield note(name, f"every {words}; 4 s and 5 s are usual", do)
    else:
        yield fine(name, f"every {words}")


def _primary_monitor(cib: Cib, paf: Resource) -> Iterator[Check]:
    """Yields whether PAF's monitor of the primary may take long enough, and not too long."""
    name = "PAF timeout"
    for each in paf.every("monitor", "Promoted"):
        timeout = each.timeout if each.timeout is not None else default_timeout(cib)
        if not each.interval or timeout is None:
            continue
        change = f"monitor {PAFS['Promoted']} role=Promoted"
        do = pcs(f"resource op remove {each.id}", f"resource op add {paf.name} {change}")
        takes = f"every {each.interval:g} s, at most {timeout:g} s long"
        if each.interval + timeout > PAF_MONITOR:
            why = f"more than {PAF_MONITOR:g} s together: HAProxy may lead to a former primary"
            yield wrong(name, f"{takes}: {why}", do)
        elif timeout < USUAL_PAF_MONITOR:
            why = "if the network loses packets, Pacemaker may restart the primary"
            yield note(name, f"{takes}: {why}", do)
        else:
            yield fine(name, takes)


def _timeout(cib: Cib, resource: Resource, least: float, name: str) -> Check:
    """Returns whether a notification may take long enough."""
    found = resource.every("notify")
    timeout = found[0].timeout if found else default_timeout(cib)
    title = "PAF notify" if name.startswith("PAF") else "notify"
    if timeout is None:
        return unknown(title, "the timeout of notify is not understood")
    if timeout >= least:
        return fine(title, f"may take {timeout:g} s")
    do = pcs(
        *(f"resource op remove {each.id}" for each in found),
        f"resource op add {resource.name} notify timeout={least:g}s",
    )
    text = f"notify of {resource.name} may take {timeout:g} s, and needs {least:g} s"
    return wrong(title, text, do)
