"""Attributes that the resource lacks in Pacemaker, and the command that sets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..command import CommandError, run
from .findings import OK, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY = "failure-timeout"
"""Without it Pacemaker gives a node up after one failed start, unless the cluster property
start-failure-is-fatal is false (Pacemaker Explained, "migration-threshold").
"""
NEVER = ("", "0", "0s")


def advice(resource: str) -> list[Finding]:
    """Asks Pacemaker for the resource's meta attributes. Returns what should be changed.

    Raises AgentError if crm_resource is not there or does not end.
    """
    words = ["crm_resource", "--resource", resource, "--meta", "--get-parameter", RETRY]
    try:
        value = run(words).strip()
    except CommandError as error:
        if error.timed_out:
            raise
        value = ""  # crm_resource fails if the attribute is not set
    return list(missing(resource, value))


def missing(resource: str, failure_timeout: str) -> Iterator[Finding]:
    """Yields a finding if a failed start is not tried again. Pure."""
    if failure_timeout in NEVER:
        yield Finding(
            OK,
            f"resource {resource} has no {RETRY}: after a failed start its node stays without"
            f" HAProxy. Type: crm_resource --resource {resource} --meta --set-parameter {RETRY}"
            " --parameter-value 30s",
        )
