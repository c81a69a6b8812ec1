"""`paf-haproxy check`: whether this node is installed as HAProxy and PAF need it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from . import facts
from .checks_cib import cib_checks
from .checks_node import node_checks
from .checks_postgres import postgres_checks
from .outcome import UNKNOWN, WRONG, anything_wrong, lines

if TYPE_CHECKING:
    from .facts import Facts
    from .readiness import Check


def check(resource: str, as_json: bool) -> int:
    """Prints each check. Returns 0, or 1 if something is wrong. Raises AgentError if it is not
    typed as root, or if it is not known which resource is meant.
    """
    found = facts.gather(resource)
    checks = judged(found)
    if as_json:
        print(document(found, checks))
    else:
        sys.stdout.write("".join(map(lines, checks)) + summary(found.node, checks))
    return int(anything_wrong(checks))


def judged(found: Facts) -> list[Check]:
    """Returns every check of these facts. Pure."""
    return [*postgres_checks(found), *cib_checks(found), *node_checks(found)]


def document(found: Facts, checks: list[Check]) -> str:
    """Returns the checks for programs."""
    return json.dumps(
        {
            "node": found.node,
            "resource": found.resource,
            "wrong": anything_wrong(checks),
            "checks": [asdict(each) for each in checks],
        },
        indent=2,
    )


def summary(node: str, checks: list[Check]) -> str:
    """Returns the last lines."""
    wrong = sum(each.outcome == WRONG for each in checks)
    missing = sum(each.text.startswith(UNKNOWN) for each in checks)
    found = f"{wrong} WRONG" if wrong else "nothing is wrong"
    return f"\n{node}: {len(checks)} checks: {found}, {missing} not known\n"
