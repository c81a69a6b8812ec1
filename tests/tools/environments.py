"""Notification environments: from files, from arguments, and whether Pacemaker sends such ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

META = "OCF_RESKEY_CRM_meta_"
NOTIFY = META + "notify_"
OPERATIONS = ("start", "stop", "promote", "demote")
ROLES = ("promoted", "unpromoted")
ALIASES = {"promoted": "master", "unpromoted": "slave"}
EMPTY = " "  # how Pacemaker writes an empty list


class Impossible(ValueError):
    """A notification that Pacemaker never sends."""


def load(path: Path) -> dict[str, str]:
    """Reads NAME=value lines, the value in single quotes or not. Raises Impossible."""
    environ = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator:
            raise Impossible(f"{path}: no assignment: {line}")
        if len(value) >= 2 and value[0] == value[-1] == "'":
            value = value[1:-1]
        environ[name] = value
    try:
        check(environ)
    except Impossible as error:
        raise Impossible(f"{path}: {error}") from error
    return environ


def names(environ: Mapping[str, str], key: str) -> list[str]:
    return environ.get(NOTIFY + key, "").split()


def check(environ: Mapping[str, str]) -> None:
    """Raises Impossible unless Pacemaker could have sent this to a promotable clone with one
    promoted instance.
    """
    kind = environ.get(NOTIFY + "type")
    operation = environ.get(NOTIFY + "operation", "")
    _require(kind in ("pre", "post"), f"notify_type is {kind!r}")
    _require(operation in OPERATIONS, f"notify_operation is {operation!r}")
    _require(bool(names(environ, operation + "_uname")), f"a {operation} of nobody")
    _check_lists(environ)

    lists = {key: set(names(environ, key + "_uname")) for key in (*OPERATIONS, *ROLES)}
    start, stop, promote, demote, promoted, unpromoted = lists.values()
    active = promoted | unpromoted
    _require(not promoted & unpromoted, "a node is both promoted and unpromoted")
    _require(set(names(environ, "active_uname")) == active, "active is not promoted and unpromoted")
    _require(len(promoted) <= 1 and len(promote) <= 1, "two nodes are promoted")
    _require(demote <= promoted, "demotes who is not promoted")
    _require(stop <= active, "stops what does not run")
    _require(not start & active - stop, "starts what runs")
    _require(promote <= active - stop | start, "promotes what does not run")
    _require(not promote & promoted - demote, "promotes who is promoted")

    node = environ.get(META + "on_node", "")
    _require(bool(node), "no on_node")
    _require(node in active | start, f"{node} has no instance that could be notified")
    absent = {"post-stop": stop, "pre-start": start}.get(f"{kind}-{operation}", set())
    _require(node not in absent, f"{node} itself hears no {kind}-{operation}")


def _check_lists(environ: Mapping[str, str]) -> None:
    known = set(names(environ, "all_uname")) or None
    for key in (*OPERATIONS, *ROLES, "active"):
        unames = environ.get(f"{NOTIFY}{key}_uname")
        resources = environ.get(f"{NOTIFY}{key}_resource")
        if unames is None or resources is None:
            raise Impossible(f"no list {key}")
        _require("" not in (unames, resources), f"list {key} is empty: Pacemaker writes a space")
        _require(
            len(unames.split()) == len(resources.split()),
            f"list {key} has not as many nodes as resources",
        )
        _require(known is None or set(unames.split()) <= known, f"list {key} names unknown nodes")
        if key in ALIASES:
            alias = environ.get(f"{NOTIFY}{ALIASES[key]}_uname", unames)
            _require(alias == unames, f"{ALIASES[key]}_uname is not {key}_uname")


def _require(possible: bool, text: str) -> None:
    if not possible:
        raise Impossible(text)


def notification(
    event: str,
    on_node: str,
    *,
    all_nodes: Sequence[str],
    promoted: Sequence[str] = (),
    unpromoted: Sequence[str] | None = None,
    **changes: Sequence[str],
) -> dict[str, str]:
    """Returns the environment of a notification such as 'pre-demote'. changes: start, stop, promote
    and demote. unpromoted: all others, if not given. Raises Impossible.
    """
    kind, _, operation = event.partition("-")
    if unpromoted is None:
        unpromoted = [node for node in all_nodes if node not in promoted]
    lists = {key: list(changes.get(key, ())) for key in OPERATIONS}
    lists |= {"promoted": list(promoted), "unpromoted": list(unpromoted)}
    lists["active"] = [*promoted, *unpromoted]
    environ = {
        META + "on_node": on_node,
        META + "notify": "true",
        NOTIFY + "type": kind,
        NOTIFY + "operation": operation,
        NOTIFY + "all_uname": " ".join(all_nodes),
        NOTIFY + "available_uname": " ".join(all_nodes),
        NOTIFY + "inactive_resource": EMPTY,
    }
    instance = {node: f"haproxy:{number}" for number, node in enumerate(all_nodes)}
    for key, nodes in lists.items():
        for word in (key, ALIASES.get(key, key)):
            environ[f"{NOTIFY}{word}_uname"] = " ".join(nodes) or EMPTY
            environ[f"{NOTIFY}{word}_resource"] = (
                " ".join(map(instance.__getitem__, nodes)) or EMPTY
            )
    check(environ)
    return environ
