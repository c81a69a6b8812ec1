"""OCF exit codes, and the one exception that ends an action."""

from __future__ import annotations

# Exit codes: OCF Resource Agent API 1.1, section "Return Codes". Plain integers: enum costs 7 ms.
SUCCESS = 0
ERR_GENERIC = 1
ERR_ARGS = 2
ERR_UNIMPLEMENTED = 3
ERR_PERM = 4
ERR_INSTALLED = 5
ERR_CONFIGURED = 6
NOT_RUNNING = 7
RUNNING_PROMOTED = 8
FAILED_PROMOTED = 9


class AgentError(Exception):
    """Ends the action: one line for people, and the exit code for Pacemaker.

    The code is ERR_GENERIC if the fault can be of this node alone, or can end. 2 to 6 take the
    resource off the node for good, and ERR_CONFIGURED off all nodes, also off those on which it
    runs well (Pacemaker Explained, "How Pacemaker Interprets Return Codes").
    """

    def __init__(self, reason: str, code: int = ERR_GENERIC) -> None:
        super().__init__(reason)
        self.reason = one_line(reason)
        self.code = code


class Rejected(AgentError):
    """The configuration that is asked for cannot be used. A HAProxy that serves keeps the last
    valid one.
    """


class Refused(Rejected):
    """HAProxy itself refused the configuration, after every check that was made before."""


def one_line(text: str) -> str:
    """Returns the text as one printable line of at most 400 characters."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in line)[:400]
