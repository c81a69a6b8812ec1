"""The file with the parameters of a configuration. Apart from `configuration`, so that the report
of a crash does not have to load what that module needs.
"""

from __future__ import annotations

import json

from .ocf import AgentError
from .params import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params


def path(directory: str) -> str:
    """Returns the file with the parameters of the configuration beside it."""
    return directory + "/parameters"


def read(statedir: str) -> Params | None:
    """Returns the parameters of the configuration in a directory, or None if they are not there."""
    try:
        with open(path(statedir), encoding="utf-8") as file:
            return parse({**json.load(file), "statedir": statedir})
    except (OSError, ValueError, AgentError, TypeError):
        return None
