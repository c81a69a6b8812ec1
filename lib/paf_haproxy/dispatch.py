"""All actions but notify: the function that performs each."""

from __future__ import annotations

from .actions.demote import demote
from .actions.meta_data import meta_data
from .actions.monitor import monitor
from .actions.promote import promote
from .actions.reload import reload
from .actions.start import start
from .actions.stop import stop
from .actions.validate_all import validate_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context

PERFORM = {
    "start": start,
    "stop": stop,
    "monitor": monitor,
    "promote": promote,
    "demote": demote,
    "validate-all": validate_all,
    "meta-data": meta_data,
    "reload": reload,
    "reload-agent": reload,
}


def perform(context: Context) -> int:
    """Runs the action and returns its exit code. Raises AgentError."""
    return PERFORM[context.action](context)
