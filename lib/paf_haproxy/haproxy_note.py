"""Notes that HAProxy writes for the agent. HAProxy's user is not root: what has another form than
expected counts for nothing. On the fast path of the monitor.
"""

from __future__ import annotations

import os
import time

LONGEST = 512  # bytes


def words(path: str, within: float) -> list[str]:
    """Returns the words of a note, [] if there is none or if it is older than so many s."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        age = time.time() - os.fstat(fd).st_mtime
        text = os.read(fd, LONGEST).decode("ascii", "replace")
    except OSError:
        return []
    finally:
        os.close(fd)
    return text.split() if 0 <= age <= within else []
