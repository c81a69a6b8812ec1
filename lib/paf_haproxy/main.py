"""From the command line and the environment to an exit code; the one place that catches errors."""

from __future__ import annotations

import os

from . import log
from .context import ANSWER, FOLLOW, REPORT, Context
from .ocf import ERR_ARGS, ERR_CONFIGURED, ERR_GENERIC, ERR_UNIMPLEMENTED, AgentError

ACTIONS = [
    "start",
    "stop",
    "monitor",
    "promote",
    "demote",
    "notify",
    "validate-all",
    "meta-data",
    "reload",
    "reload-agent",
]


ASKED_BY_A_PERSON = ("validate-all", "meta-data")
"""The cluster never runs these on its own, and takes no resource off a node for their answer."""


def main(argv: list[str]) -> None:
    """Runs the action that argv names and exits with its code, never with a traceback.

    Raises ImportError if a module is missing, or of another version: the script begins anew.
    """
    if len(argv) != 2:
        log.exit_reason(f"usage: {argv[0]} {'|'.join(ACTIONS)}")
        os._exit(ERR_ARGS)
    os._exit(run(argv[1]))


def run(action: str) -> int:
    """Returns the exit code of an action."""
    if action not in (*ACTIONS, FOLLOW, ANSWER, REPORT):
        log.exit_reason(f"unknown action {action}: expected one of {' '.join(ACTIONS)}")
        return ERR_UNIMPLEMENTED
    try:
        context = Context.from_environ(action, os.environ, os.uname().nodename)
        if action == "notify":
            from .actions.notify import notify

            return notify(context)
        if action == FOLLOW:
            from .actions.follow import follow

            return follow(context.statedir)
        if action == REPORT:
            from .actions.report import report

            return report(context)
        if action == "monitor":
            from .actions.fast_monitor import look

            code = look(context)
            if code is not None:
                return code
        # The other actions use the distribution's packages, which -S left out.
        import site

        site.main()
        if action == ANSWER:
            from .request import answer

            return answer(context)
        from . import dispatch

        return dispatch.perform(context)
    except AgentError as error:
        log.exit_reason(error.reason)
        return error.code if action in ASKED_BY_A_PERSON else retried(error.code)
    except ImportError:
        raise
    except Exception as error:
        log.exit_reason(f"{action} failed: {type(error).__name__}: {error}{_where(error)}")
        return ERR_GENERIC


def retried(code: int) -> int:
    """Returns an exit code after which Pacemaker tries this node again and leaves the others alone.

    2 to 6 take the resource off the node for good, 6 off all nodes, though the fault may be of this
    node alone (Pacemaker Explained, "How Pacemaker Interprets Return Codes").
    """
    return ERR_GENERIC if ERR_ARGS <= code <= ERR_CONFIGURED else code


def _where(error: BaseException) -> str:
    """Returns the innermost place of an unforeseen error, for the bug report."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if not trace:
        return ""
    return f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
