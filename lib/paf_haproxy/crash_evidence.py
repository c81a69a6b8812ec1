"""Whether Pacemaker takes an instance of PostgreSQL for running, and whether PAF's monitor says
that it has crashed. Pure.
"""

from __future__ import annotations

from xml.etree import ElementTree

from .ocf import ERR_GENERIC, FAILED_PROMOTED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CRASHED = {ERR_GENERIC, FAILED_PROMOTED}
"""What PAF's monitor returns for the instance of a standby and of a primary that has crashed
(pgsqlms, _confirm_stopped). It returns ERR_GENERIC for other faults too, so the caller has seen
that there is no postmaster."""
# The attributes of crm_mon's XML that would forbid a report, and the values that do not.
CLUSTER = {"maintenance-mode": "false", "stop-all-resources": "false"}
NODE = {
    "online": "true",
    "standby": "false",
    "standby_onfail": "false",
    "maintenance": "false",
    "pending": "false",
    "unclean": "false",
    "shutdown": "false",
}
RESOURCE = {
    "active": "true",
    "orphaned": "false",
    "blocked": "false",
    "managed": "true",
    "failed": "false",
}


class Running:
    """An instance that runs for Pacemaker. resource: PAF's, e.g. 'pgsqld'. dc: the DC's node, '' if
    crm_mon does not name it.
    """

    __slots__ = ("dc", "resource")

    def __init__(self, resource: str, dc: str) -> None:
        self.resource = resource
        self.dc = dc


def running(status: str, clone: str, node: str) -> Running:
    """Returns the instance of this node. status: crm_mon's XML.

    Raises AgentError if Pacemaker does not take the instance on this node for running, or leaves it
    alone.
    """
    root = _parse(status)
    dc = root.find("summary/current_dc")
    if dc is None or dc.get("with_quorum") != "true":
        raise AgentError("the cluster has no quorum")
    options = root.find("summary/cluster_options")
    _expect("the cluster", options, CLUSTER)
    _expect("the node", root.find(f"nodes/node[@name='{node}']"), NODE)
    found = root.find(f".//clone[@id='{clone}']")
    for resource in found.iter("resource") if found is not None else ():
        if resource.find(f"node[@name='{node}']") is not None:
            _expect("the resource", resource, RESOURCE)
            if resource.get("pending"):
                raise AgentError(f"Pacemaker is about to change it: {resource.get('pending')}")
            return Running(resource.get("id", "").partition(":")[0], dc.get("name", ""))
    raise AgentError(f"Pacemaker has no instance of {clone} on record that runs on this node")


def _expect(what: str, element: Element | None, values: dict[str, str]) -> None:
    if element is None:
        raise AgentError(f"the answer of crm_mon lacks {what}")
    for name, value in values.items():
        if element.get(name, value) != value:
            raise AgentError(f"{what} has {name}={element.get(name)}")


def is_crash(answer: str) -> bool:
    """Returns whether PAF's monitor says that an instance has crashed. answer: the XML of
    `crm_resource --force-check`.
    """
    status = _parse(answer).find(".//agent-status")
    return status is not None and status.get("code") in {str(code) for code in CRASHED}


def _parse(text: str) -> Element:
    """Raises AgentError if it is no XML."""
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - Pacemaker's own
    except ElementTree.ParseError as error:
        raise AgentError(f"Pacemaker's answer is not XML: {text[:60]}") from error
