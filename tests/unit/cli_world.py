"""A cluster of which all agree, as `paf-haproxy status` finds it; tests change it."""

from __future__ import annotations

import dataclasses

from paf_haproxy.cli.survey import Cluster, Node, Server, View

NAMES = ("srv1", "srv2", "srv3")


def servers(primary: str | None = "srv1") -> tuple[Server, ...]:
    """All servers of one HAProxy, in good order."""
    found = []
    for name in NAMES:
        leads = name == primary
        found.append(Server("prod", name, "UP" if leads else "MAINT", "L7OK", "L7OK", 100))
        found.append(Server("stdby", name, "MAINT" if leads else "UP", "L7OK", "L7OK", 100))
    return tuple(found)


def view(role: str, **more: object) -> View:
    sync = {"srv2": "quorum", "srv3": "quorum"} if role == "production" else {}
    fields: dict[str, object] = {"timeline": 3, "lag": None if sync else 0, "sync": sync}
    return View(role, 7200, servers(), **(fields | more))  # type: ignore[arg-type]


def well() -> Cluster:
    first = Node("srv1", True, False, False, "Promoted", "Promoted", False, view("production"))
    others = (
        Node(name, True, False, False, "Unpromoted", "Unpromoted", False, view("standby"))
        for name in NAMES[1:]
    )
    return Cluster((first, *others))


def changed(name: str, *, of_view: dict[str, object] | None = None, **fields: object) -> Cluster:
    """The cluster that is well, but for one node."""
    nodes = []
    for node in well().nodes:
        if node.name == name:
            if of_view is not None and node.view:
                fields["view"] = dataclasses.replace(node.view, **of_view)  # type: ignore[arg-type]
            node = dataclasses.replace(node, **fields)  # type: ignore[arg-type]
        nodes.append(node)
    return Cluster(tuple(nodes))


def with_server(server: Server) -> tuple[Server, ...]:
    """The servers in good order, but for one."""
    return tuple(
        server if (each.pool, each.node) == (server.pool, server.node) else each
        for each in servers()
    )
