"""The stop action: HAProxy ends."""

from __future__ import annotations

import os

from .. import (
    configuration,
    launch,
    log,
    master,
    pacemaker,
    process,
    rejection,
    render,
    rolefile,
    runtime,
    supervisor,
)
from ..ocf import SUCCESS, AgentError
from . import fast_monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context

STOP_RESERVE = 8.0  # s of the timeout that are left to tell Pacemaker twice that HAProxy has ended


def stop(context: Context) -> int:
    """Ends HAProxy, also if the parameters have become invalid: a failed stop means fencing."""
    params = configuration.effective(context)
    process.stop(params, max(context.timeout - STOP_RESERVE, context.timeout / 2))
    for leftover in (
        rolefile.path(params.statedir),
        runtime.admin_socket(params.statedir),
        master.path(params.statedir),
        process.pid_path(params),
        launch.due_path(params),
        launch.refused_path(params),
        launch.state_path(params),
        render.source_path(params),
        fast_monitor.path(params.statedir),
    ):
        try:
            os.unlink(leftover)
        except FileNotFoundError:
            pass
        except OSError as error:
            # HAProxy has ended, so the stop has done its work.
            log.warning(f"stop: cannot remove {leftover}: {error.strerror}")
    rejection.accept(context)
    try:
        pacemaker.unset_promotable(context.instance, context.node)
    except AgentError as error:
        log.warning(f"stop: {error.reason}")
    try:
        supervisor.unwatch(params.statedir)
    except AgentError as error:
        log.warning(f"stop: {error.reason}")
    return SUCCESS
