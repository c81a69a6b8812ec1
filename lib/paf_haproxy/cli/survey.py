"""What Pacemaker, PostgreSQL and every HAProxy say at one moment. Pure but for `survey`."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from .. import configuration, network, pacemaker, render, request
from ..command import run
from ..context import Context, Notice
from ..ocf import ERR_CONFIGURED, AgentError
from ..params import Params

ANSWER_WITHIN = 2.0  # s for a HAProxy
LARGEST = 1 << 20
PRIMITIVE = "//primitive[@class='ocf'][@provider='paf'][@type='haproxy']"


@dataclass(frozen=True)
class Server:
    """A server of a pool, as one HAProxy sees it. status: as on its statistics page, e.g. 'UP'.
    check, agent: the last result of either, e.g. 'L7OK'. seconds: since when it has been so.
    """

    pool: str
    node: str
    status: str
    check: str = ""
    agent: str = ""
    seconds: int = 0
    sessions: int = 0

    @property
    def up(self) -> bool:
        """Whether new connections are led there."""
        return self.status.startswith("UP")


@dataclass(frozen=True)
class View:
    """What the HAProxy of a node says. role: that of the PostgreSQL beside it, since `seconds`.
    lag: bytes of WAL, or None. sync: the synchronous state of each standby that streams from it;
    None where that may not be seen. probation: a standby that has just come back leaves readers to
    the others for a moment. unknown: why PostgreSQL does not tell its role, and what to type: then
    `role` is the last confirmed one. silent: the nodes whose HAProxy does not answer this one.
    rejected: why the configuration that Pacemaker asks for is rejected.
    """

    role: str
    seconds: int
    servers: tuple[Server, ...]
    timeline: int | None = None
    lag: int | None = None
    lagging: bool = False
    sync: dict[str, str] | None = field(default_factory=dict)
    held: int = 0
    probation: bool = False
    unknown: str = ""
    silent: tuple[str, ...] = ()
    rejected: str = ""

    def pool(self, name: str) -> tuple[str, ...]:
        """Returns the nodes that the pool leads to."""
        return tuple(each.node for each in self.servers if each.pool == name and each.up)

    def server(self, pool: str, node: str) -> Server | None:
        return next((s for s in self.servers if (s.pool, s.node) == (pool, node)), None)


@dataclass(frozen=True)
class Node:
    """online, standby, maintenance: of the node in Pacemaker. postgres, haproxy: what Pacemaker
    runs there, e.g. 'Promoted' or '' for nothing. view: None if HAProxy does not answer. failure:
    why an action of our resource failed there, e.g. 'start: parameter haproxy: ...', or ''.
    unresolved: the host name of the node if it does not resolve here, or ''. pooler: why this
    node's own PgBouncer does not answer, or ''.
    """

    name: str
    online: bool = False
    standby: bool = False
    maintenance: bool = False
    postgres: str = ""
    haproxy: str = ""
    drained: bool = False
    view: View | None = None
    failure: str = ""
    unresolved: str = ""
    pooler: str = ""


@dataclass(frozen=True)
class Cluster:
    """All nodes that run PostgreSQL."""

    nodes: tuple[Node, ...]

    @property
    def promoted(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes if node.postgres == "Promoted")

    def node(self, name: str) -> Node | None:
        return next((node for node in self.nodes if node.name == name), None)


def survey(params: Params, resource: str) -> Cluster:
    """Asks Pacemaker and every HAProxy. Raises AgentError if Pacemaker does not answer."""
    monitor = run(["crm_mon", "--one-shot", "--output-as=xml", "--inactive"], timeout=15)
    backends = render.backends(params)
    with ThreadPoolExecutor(max_workers=16) as pool:
        views = list(pool.map(lambda each: ask(each[1], params.role_port), backends))
    known = members(monitor, params.pgsql_clone, resource)
    drained = pacemaker.drained(resource)
    unresolved = network.unresolved(network.resolve(address for _, address in backends))
    here = os.uname().nodename
    nodes = []
    for (name, address), view in zip(backends, views):
        host = address if address in unresolved else ""
        facts = {**known.get(name, {}), "drained": name in drained, "unresolved": host}
        if name == here and os.geteuid() == 0:  # PgBouncer lets nobody else in
            facts["pooler"] = request.pooler_trouble(params)
        nodes.append(Node(name, **facts, view=view))
    return Cluster(tuple(nodes))


def resource_params(name: str = "") -> tuple[str, Params]:
    """Returns the name and the parameters of the cluster's resource of ours, from the CIB.

    Raises AgentError if there is none, or more than one and none is named.
    """
    return named_params(run(["cibadmin", "--query", "--xpath", PRIMITIVE]), name)


def named_params(answer: str, name: str = "") -> tuple[str, Params]:
    """Returns the same from a CIB, or from the part of it with our resources. Raises the same."""
    found = {}
    root = ElementTree.fromstring(answer)  # noqa: S314 - Pacemaker's own
    for primitive in (root, *root.iter("primitive")):
        if primitive.tag == "primitive" and ours(primitive):
            values = primitive.iterfind("instance_attributes/nvpair")
            found[primitive.get("id", "")] = {v.get("name", ""): v.get("value", "") for v in values}
    if name and name not in found:
        raise AgentError(f"no resource {name} of ocf:paf:haproxy: there is {' '.join(found)}")
    if not name and len(found) != 1:
        text = f"name one of the resources with --resource: {' '.join(found) or 'there is none'}"
        raise AgentError(text, ERR_CONFIGURED)
    name = name or next(iter(found))
    return name, configuration.effective(Context("status", "", found[name], Notice("-")))


def ours(primitive: ElementTree.Element) -> bool:
    """Returns whether a resource is of ocf:paf:haproxy."""
    return (primitive.get("provider"), primitive.get("type")) == ("paf", "haproxy")


def members(text: str, *resources: str) -> dict[str, dict[str, Any]]:
    """Returns what crm_mon's XML says of each node, as fields of Node. resources: PAF's clone and
    our primitive.
    """
    root = ElementTree.fromstring(text)  # noqa: S314 - Pacemaker's own
    found: dict[str, dict[str, Any]] = {}
    for node in root.iterfind("nodes/node"):
        flags = {key: node.get(key) == "true" for key in ("online", "standby", "maintenance")}
        found[node.get("name", "")] = flags
    for clone in root.iter("clone"):
        for key, wanted in zip(("postgres", "haproxy"), resources):
            for resource in clone.iter("resource"):
                if wanted in (clone.get("id"), resource.get("id")):
                    for where in resource.iterfind("node"):
                        _state(found, where.get("name", ""), key, resource)
    for failure in root.iterfind("failures/failure"):
        name, _, action = failure.get("op_key", "").rpartition("_")[0].rpartition("_")
        if name == resources[-1] and failure.get("node") in found:
            reason = failure.get("exitreason") or failure.get("exitstatus", "")
            found[failure.get("node", "")]["failure"] = f"{action}: {reason}"
    return found


def _state(
    found: dict[str, dict[str, Any]], node: str, key: str, resource: ElementTree.Element
) -> None:
    role = resource.get("role", "")
    if node in found and role != "Stopped":
        found[node][key] = "failed" if resource.get("failed") == "true" else role


def ask(address: str, port: int) -> View | None:
    """Returns what the HAProxy at an address says, or None if it says nothing."""
    try:
        with socket.create_connection((address, port), timeout=ANSWER_WITHIN) as connection:
            connection.sendall(b"view\n")
            text = b""
            while len(text) < LARGEST and (chunk := connection.recv(65536)):
                text += chunk
        return parse_view(json.loads(text))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def parse_view(found: Any) -> View:
    """Returns the view of a HAProxy's JSON. Raises KeyError, TypeError or ValueError."""
    sync = None
    if "sync" in found:
        words = (word.partition("=") for word in str(found["sync"]).split(",") if word)
        sync = {name: state for name, _, state in words}
    servers = tuple(Server(**server) for server in found["servers"])
    return View(
        found["role"],
        found["seconds"],
        servers,
        found.get("timeline"),
        found.get("lag"),
        found.get("lagging", False),
        sync,
        found.get("held", 0),
        found.get("probation", False),
        str(found.get("unknown", "")),
        tuple(str(found.get("silent", "")).split()),
        str(found.get("rejected", "")),
    )
