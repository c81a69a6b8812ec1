"""The report of a configuration that is asked for and cannot be used."""

from __future__ import annotations

import os

from . import log, pacemaker, rolefile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context


def path(statedir: str) -> str:
    """Returns the file that says why the configuration that is asked for is not used."""
    return statedir + "/rejected"


def reason(statedir: str) -> str:
    """Returns why the configuration is not used, or '' if it is."""
    return rolefile.read_note(path(statedir))


def reject(context: Context, why: str) -> None:
    """Reports a configuration that is not used: in the log, in a file for HAProxy's metrics and
    `paf-haproxy status`, and as an attribute of the node. Once for each reason.
    """
    note = path(context.statedir)
    if rolefile.read_note(note) == why:
        return
    log.warning(f"{why}; HAProxy keeps the last valid configuration")
    try:
        rolefile.write_note(note, why)
    except OSError as error:
        log.warning(f"cannot write {note}: {error.strerror}; paf-haproxy status lacks the reason")
    pacemaker.tell_rejected(context.instance, context.node, why)


def accept(context: Context) -> None:
    """Takes the report of a rejected configuration back, if there is one."""
    try:
        os.unlink(path(context.statedir))
    except OSError:
        return
    log.info("the configuration that is asked for is in use again")
    pacemaker.tell_rejected(context.instance, context.node, "")
