"""Words for people: syslog, and standard error for who runs an action by hand."""

from __future__ import annotations

import os
import syslog

from .ocf import one_line

_opened = False


def log(priority: int, text: str) -> None:
    """Writes one line to syslog; errors and warnings to standard error too."""
    global _opened
    if not _opened:
        syslog.openlog("paf-haproxy", syslog.LOG_PID, syslog.LOG_DAEMON)
        _opened = True
    line = one_line(text)
    syslog.syslog(priority, line)
    if priority <= syslog.LOG_WARNING or "PAF_HAPROXY_DEBUG" in os.environ:
        _say(line)


def info(text: str) -> None:
    log(syslog.LOG_INFO, text)


def warning(text: str) -> None:
    log(syslog.LOG_WARNING, text)


def exit_reason(text: str) -> None:
    """Tells Pacemaker why an action failed, as ocf_exit_reason of ocf-shellfuncs does."""
    log(syslog.LOG_ERR, text)
    _say("ocf-exit-reason:" + one_line(text))


def tell(text: str) -> None:
    """Writes one line to standard output: for who runs an action by hand; Pacemaker drops it."""
    try:
        os.write(1, (one_line(text) + "\n").encode("utf-8", "replace"))
    except OSError:
        pass  # nobody listens


def _say(line: str) -> None:
    try:
        os.write(2, (line + "\n").encode("utf-8", "replace"))
    except OSError:
        pass  # nobody listens
