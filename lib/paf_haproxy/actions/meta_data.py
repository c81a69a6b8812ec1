"""The meta-data action."""

from __future__ import annotations

import sys

from ..ocf import SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context


def meta_data(_: Context) -> int:
    """Prints the agent's metadata."""
    from ..metadata import metadata  # its XML library costs the other actions time

    sys.stdout.write(metadata())
    sys.stdout.flush()
    return SUCCESS
