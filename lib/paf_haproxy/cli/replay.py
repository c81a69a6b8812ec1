"""A captured notification, run against a HAProxy that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..context import META, RESKEY, Context
from ..ocf import AgentError
from ..routing import commands, wanted
from ..view import ClusterView, announce

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTS = (
    "start",
    "stop",
    "promote",
    "demote",
    "promoted",
    "unpromoted",
    "master",
    "slave",
    "active",
)


def environment(path: str) -> dict[str, str]:
    """Reads NAME=value, a line each as `env` prints them or with NUL between as in
    /proc/PID/environ; a value may stand in quotes. Raises AgentError if it is no notification.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise AgentError(f"{path}: {error.strerror}") from error
    environ = {}
    for line in text.split("\0" if "\0" in text else "\n"):
        name, _, value = line.removeprefix("export ").partition("=")
        if name.startswith(RESKEY):
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            environ[name] = value[1:-1] if quoted else value
    if not environ.get(f"{META}notify_type") or not environ.get(f"{META}notify_operation"):
        text = f"{path}: no notification: it names no {META}notify_type and _operation"
        raise AgentError(text)
    return environ


def replay(
    paths: Sequence[str], view: ClusterView, nodes: Sequence[str], drained: Sequence[str]
) -> str:
    """Returns what the notifications, one after the other, would make of a view of the cluster and
    of the servers, as text. nodes: the backends, besides all that the notifications name.
    """
    environs = [environment(path) for path in paths]
    named = {
        name
        for environ in environs
        for key in LISTS
        for name in environ.get(f"{META}notify_{key}_uname", "").split()
    }
    servers = sorted(named | set(nodes))
    lines = [f"before: {view}"]
    for path, environ in zip(paths, environs):
        notice = Context.from_environ("notify", environ, "").notice
        before, view = view, announce(view, notice)
        changes = commands(wanted(before, servers, drained), wanted(view, servers, drained))
        lines += ["", f"{path}: {notice.event}"]
        lines += [f"    {change}" for change in changes] or ["    no server changes"]
        lines += [f"    then: {view}"]
    return "\n".join(lines) + "\n"
