"""Whether the resources are configured in Pacemaker as HAProxy and PAF need it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checks_operations import own_operations, paf_operations
from .checks_order import constraint_checks
from .cib import true
from .outcome import SCRIPTS, Missing, fine, pcs, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cib import Cib, Resource
    from .facts import Facts
    from .readiness import Check

NEVER = ("", "0", "0s")
USUAL_STICKINESS = "100"  # of pcs-scripts/50-paf.sh
PRIMARY_SCORE, STANDBY_SCORE, SCORE_STEP = 1001, 1000, 10
"""PAF's promotion scores: of the primary, of the first standby, and less for each further one."""


def cib_checks(facts: Facts) -> Iterator[Check]:
    """Yields the checks of both resources, their constraints, and the cluster's options."""
    cib, params = facts.cib, facts.params
    if isinstance(cib, Missing):
        yield unknown("Pacemaker CIB", cib.why)
        return
    yield from _cluster(cib)
    ours, paf = cib.resource(facts.resource), cib.resource(params.pgsql_clone)
    if paf is None:
        text = f"there is no clone {params.pgsql_clone}: PAF's resource, or parameter pgsql_clone"
        yield wrong("PAF resource", text, f"bash {SCRIPTS}/50-paf.sh; or correct pgsql_clone")
    else:
        yield from _promotable(paf, "PAF resource")
        yield from _paf(cib, paf, facts)
    if ours is None:
        text = "there is no resource of ocf:paf:haproxy"
        yield wrong("resource", text, f"bash {SCRIPTS}/60-haproxy.sh")
        return
    yield from _promotable(ours, "resource")
    yield from _own(cib, ours)
    if paf is not None:
        yield from constraint_checks(cib, ours, paf, bool(params.pooler))


def _cluster(cib: Cib) -> Iterator[Check]:
    fencing = cib.fencing() or (["the watchdog alone"] if _watchdog(cib) else [])
    if not fencing:  # with stonith-enabled and without a device Pacemaker starts nothing
        text = "there is no stonith resource: Pacemaker promotes nothing after the loss of a node"
        yield wrong("fencing", text, f"bash {SCRIPTS}/30-fencing.sh")
    elif not true(cib.properties.get("stonith-enabled", "true")):
        text = "stonith-enabled is false: Pacemaker cannot confirm that a lost node is down"
        yield wrong("fencing", text, "pcs property set stonith-enabled=true")
    else:
        yield fine("fencing", f"stonith-enabled, by {' '.join(fencing)}")
    threshold = cib.properties.get("load-threshold", "80%, the default")
    if threshold.strip() in ("0%", "0"):
        yield fine("load-threshold", "0%: a busy node does not delay notifications")
    else:
        text = f"{threshold}: above it Pacemaker runs all actions one after another"
        yield wrong("load-threshold", text, "pcs property set load-threshold=0%")


def _watchdog(cib: Cib) -> bool:
    """Returns whether SBD fences without a device (Pacemaker Explained, "Cluster Options")."""
    names = ("stonith-watchdog-timeout", "fencing-watchdog-timeout")
    values = [cib.properties[name] for name in names if name in cib.properties]
    used = any(value.strip("0smhd. ") for value in values)
    return used and true(cib.properties.get("have-watchdog", ""))


def _promotable(resource: Resource, name: str) -> Iterator[Check]:
    """Yields whether the clone is promotable and gets notifications."""
    if not resource.clone:
        text = f"{resource.name} is in no clone"
        yield wrong(name, text, pcs(f"resource promotable {resource.name} notify=true"))
        return
    lacks = [] if resource.promotable else ["promotable"]
    # The primitive's value counts for nothing: pcs 0.11.5 may write it there.
    lacks += [] if true(resource.clone_meta.get("notify", "")) else ["notify"]
    if lacks:
        text = f"{resource.clone} lacks {' and '.join(f'{each}=true' for each in lacks)}"
        settings = " ".join(f"{each}=true" for each in lacks)
        yield wrong(name, text, pcs(f"resource meta {resource.clone} {settings}"))
    else:
        yield fine(name, f"{resource.clone} is promotable, and gets notifications")


def _own(cib: Cib, ours: Resource) -> Iterator[Check]:
    if true(ours.clone_meta.get("interleave", "")):
        yield fine("interleave", "an instance waits for no instance of another node")
    else:
        text = f"{ours.clone or ours.name} lacks interleave=true: nodes wait for one another"
        do = pcs(f"resource meta {ours.clone or ours.name} interleave=true")
        yield wrong("interleave", text, do)
    threshold = ours.meta.get("migration-threshold", "INFINITY")
    retry = ours.meta.get("failure-timeout", "")
    set_meta = f"crm_resource --resource {ours.name} --meta --set-parameter"
    if threshold not in ("INFINITY", "+INFINITY"):
        text = f"migration-threshold is {threshold}: after failures the node loses HAProxy"
        yield wrong("failures", text, f"{set_meta} migration-threshold --parameter-value INFINITY")
    if retry in NEVER:
        text = "no failure-timeout: after a failed start the node stays without HAProxy"
        yield wrong("failures", text, f"{set_meta} failure-timeout --parameter-value 30s")
    elif threshold in ("INFINITY", "+INFINITY"):
        yield fine("failures", f"a failed start is tried again after {retry}")
    yield from own_operations(cib, ours)


def _paf(cib: Cib, paf: Resource, facts: Facts) -> Iterator[Check]:
    port, pgport = paf.parameters.get("pgport", "5432"), facts.params.pgport
    if port == str(pgport):
        yield fine("PAF pgport", f"{port}, as the agent's")
    else:
        text = f"PAF's pgport is {port}, parameter pgport of the agent is {pgport}"
        do = f"crm_resource --resource {facts.resource} --set-parameter pgport --parameter-value"
        yield wrong("PAF pgport", text, f"{do} {port}, if PAF's is right")
    yield _stickiness(paf, len(cib.nodes()))
    yield from paf_operations(cib, paf)


def _stickiness(paf: Resource, nodes: int) -> Check:
    """Returns whether a standby keeps its instance if a former primary's node comes back."""
    lowest = STANDBY_SCORE - SCORE_STEP * max(0, nodes - 2)
    least = PRIMARY_SCORE - lowest + 1
    # Pacemaker Explained, "Resource Meta-Attributes": an instance of a clone has 1.
    text = paf.meta.get("resource-stickiness", "1")
    value = 1_000_000 if text.lstrip("+") == "INFINITY" else int(text) if text.isdecimal() else 0
    if value >= least:
        return fine("PAF stickiness", f"{text}: a standby stays where it runs")
    do = f"crm_resource --resource {paf.name} --meta --set-parameter resource-stickiness"
    return wrong(
        "PAF stickiness",
        f"resource-stickiness is {text}, needs {least}: Pacemaker may stop a standby while a former"
        " primary's node starts",
        f"{do} --parameter-value {USUAL_STICKINESS}",
    )
