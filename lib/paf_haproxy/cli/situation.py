"""What Pacemaker says about a change of primary: quorum, constraints, failures, scores."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from .. import pacemaker
from ..command import run
from ..ocf import AgentError

LEFT_OVER = ("cli-prefer-", "cli-ban-")
"""How the constraints of crm_resource --move and --ban begin (crm_resource(8))."""


@dataclass(frozen=True)
class Situation:
    """quorum, maintenance: of the cluster. idle: no transition is under way. unmanaged: resources
    that Pacemaker leaves alone. constraints: those that an earlier move or ban has left, with their
    resources. failed: nodes on which an action of PAF's resource has failed. scores: what PAF
    gives each node for a promotion; it promotes no node without one.
    """

    quorum: bool
    idle: bool
    maintenance: bool
    unmanaged: tuple[str, ...]
    constraints: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]
    scores: dict[str, int]


def situation(clone: str, resource: str) -> Situation:
    """Asks Pacemaker. clone: of the PAF resource. resource: ours. Raises AgentError without an
    answer.
    """
    monitor = run(["crm_mon", "--one-shot", "--output-as=xml", "--inactive"], timeout=15)
    constraints = run(["cibadmin", "--query", "--scope", "constraints"])
    return read(monitor, constraints, clone, resource, pacemaker.idle())


def read(monitor: str, constraints: str, clone: str, resource: str, idle: bool) -> Situation:
    """Returns the situation that the XML of crm_mon and of the CIB tells. Pure."""
    root = ElementTree.fromstring(monitor)  # noqa: S314 - Pacemaker's own
    primitive = _primitive(root, clone)
    dc = root.find("summary/current_dc")
    options = root.find("summary/cluster_options")
    ours = {clone, primitive, resource, f"{resource}-clone"}
    failed = {
        failure.get("node", "")
        for failure in root.iterfind("failures/failure")
        if failure.get("op_key", "").startswith(f"{primitive}_")
    }
    return Situation(
        quorum=dc is not None and dc.get("with_quorum") == "true",
        idle=idle,
        maintenance=options is not None and options.get("maintenance-mode") == "true",
        unmanaged=tuple(
            sorted(
                {
                    str(each.get("id"))
                    for each in root.iter("resource")
                    if each.get("id") in ours and each.get("managed") == "false"
                }
            )
        ),
        constraints=tuple(
            (str(each.get("id")), str(each.get("rsc")))
            for each in ElementTree.fromstring(constraints).iter("rsc_location")  # noqa: S314
            if str(each.get("id")).startswith(LEFT_OVER) and each.get("rsc") in ours
        ),
        failed=tuple(sorted(failed)),
        scores=_scores(root, primitive),
    )


def _primitive(root: ElementTree.Element, clone: str) -> str:
    """Returns the name of the resource in the clone."""
    for each in root.iter("clone"):
        if each.get("id") == clone:
            for resource in each.iter("resource"):
                return resource.get("id", "").partition(":")[0]
    raise AgentError(f"there is no clone {clone}: correct the parameter pgsql_clone")


def _scores(root: ElementTree.Element, primitive: str) -> dict[str, int]:
    found = {}
    for node in root.iterfind("node_attributes/node"):
        for attribute in node.iterfind("attribute"):
            value = attribute.get("value", "")
            if attribute.get("name") == f"master-{primitive}" and value.lstrip("-").isdecimal():
                found[node.get("name", "")] = int(value)
    return found
