"""All actions but notify. They may take their time."""

from __future__ import annotations

import sys

from . import log, process, rolefile
from .beliefs import remembered
from .lifecycle import RESERVE, lenient, reload, running, start, stop, validate_all
from .ocf import NOT_RUNNING, SUCCESS
from .params import Params, parse
from .watch import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context


def perform(context: Context) -> int:
    """Runs the action and returns its exit code. Raises AgentError."""
    if context.action == "meta-data":
        from .metadata import metadata

        sys.stdout.write(metadata())
        sys.stdout.flush()
        return SUCCESS
    if context.action == "stop":
        return stop(context)
    if context.action == "monitor":
        return watch(context)
    if context.action == "demote":
        return demote(context)
    params = parse(context.parameters)
    if context.action == "validate-all":
        return validate_all(context, params)
    if context.action == "start":
        return start(context, params)
    if context.action == "promote":
        return promote(context, params)
    return reload(context, params)


def promote(context: Context, params: Params) -> int:
    """Confirms that the local PostgreSQL is the primary. The servers follow by notification."""
    from . import postgres

    role = running(params)
    postgres.await_primary(params, context.timeout - RESERVE)
    rolefile.save(params.statedir, role.after("promote", promoted=True))
    log.info("promote: PostgreSQL on this node is the primary")
    return SUCCESS


def demote(context: Context) -> int:
    """Forgets the promoted role. HAProxy serves on: the last WAL passes through it.

    One that hangs is not asked, and not waited for: after its monitor failed it is demoted first,
    and the stop that ends it comes next.
    """
    params = lenient(context)
    if not process.find(params) and not process.comes_back(params):
        return NOT_RUNNING
    role = remembered(params)
    rolefile.save(params.statedir, role.after("demote", promoted=False))
    return SUCCESS
