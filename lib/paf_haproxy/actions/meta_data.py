"""The meta-data action."""

from __future__ import annotations

import os
import sys

from ..ocf import SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


def meta_data(_: Context) -> int:
    """Prints the agent's metadata."""
    from ..metadata import metadata  # its XML library costs the other actions time

    try:
        sys.stdout.write(metadata())
        sys.stdout.flush()
    except BrokenPipeError:
        # Pacemaker has ended meanwhile. Python would write the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SUCCESS
