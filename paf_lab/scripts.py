"""The pcs scripts on the nodes, and the settings and passwords that they read."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping

from . import agent
from .errors import LabError
from .layout import DATABASE_NODES, PGBIN, PGDATA, SECRETS
from .node import Node

CIB = "/root/cluster.cib"
SETTINGS = "/root/paf-haproxy.env"
LOCKS = "/run/paf-lab-script"
USERS = ("hacluster", "replicator", "app", "pooler")
"""For each of them the lab has a password."""


def make_secrets() -> None:
    """Makes the lab's passwords on first use, and keeps them for root alone."""
    SECRETS.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in USERS:
        file = SECRETS / name
        if not file.exists():
            new = SECRETS / f"{name}.new"
            new.touch(mode=0o600)
            new.write_text(secrets.token_hex(12))
            new.rename(file)  # whole or not at all


def secret(name: str) -> str:
    """Returns the lab's password of that name."""
    try:
        return (SECRETS / name).read_text()
    except FileNotFoundError as error:
        raise LabError(f"the lab has no password for {name}: lab up") from error


def passwords() -> dict[str, str]:
    """Returns the lab's passwords, by the variables from which the pcs scripts read them."""
    return {f"{name.upper()}_PASSWORD": secret(name) for name in USERS}


def settings(more: Mapping[str, str]) -> str:
    """Returns what the pcs scripts read, as the text of a shell script. more: a topology's own."""
    values = {
        "NODES": " ".join(DATABASE_NODES),
        **passwords(),
        "DC_DEADTIME": "2s",
        "PGBIN": PGBIN,
        "PGDATA": PGDATA,
        "FENCE_AGENT": "fence_paf_lab",
        **more,
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def script(node: Node, name: str, *arguments: str, cib: bool = False, timeout: float = 180) -> None:
    """Runs one of the pcs scripts on a node, on the CIB file if `cib` is set."""
    # The passwords stand in a file of root's, not in anybody's process list.
    # The lock: a script of a lab up that was killed may still be at work.
    path = f"{agent.SCRIPTS}/{name}.sh"
    words = " ".join(["flock", "-o", f"{LOCKS}.{name}", "bash", path, *arguments])
    where = f"CIB={CIB}" if cib else "CIB="
    node.run("sh", "-c", f". {SETTINGS}; {where} {words}", timeout=timeout)
