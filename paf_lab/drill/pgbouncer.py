"""Whether the agent has PgBouncer follow a switchover, and PAF waits for its transactions."""

from __future__ import annotations

from ..machine import Machine

SOCKETS = "/run/postgresql"
# The script reads the parameter, and puts the demotes of PAF and of HAProxy into the order for it.
CONSTRAINTS = "bash /usr/share/paf-haproxy/pcs-scripts/70-constraints.sh"


def followed(node: Machine, resource: str) -> bool:
    """Returns whether the parameter `pooler` is set. node: any that runs."""
    words = ("crm_resource", "--resource", resource, "--get-parameter", "pooler")
    return not node.run(*words, check=False).returncode


def follow(node: Machine, resource: str, there: bool) -> None:
    """Sets the parameter or deletes it, and changes the constraint."""
    change = ("--set-parameter", "pooler", "--parameter-value", SOCKETS)
    node.run(
        "crm_resource",
        "--resource",
        resource,
        *(change if there else ("--delete-parameter", "pooler")),
    )
    node.run("bash", "-c", CONSTRAINTS, timeout=120)
