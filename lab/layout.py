"""Where the lab keeps things on the host, and what it is made of."""

from __future__ import annotations

from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
CACHE = Path("/var/cache/paf-lab")
"""The image; survives `lab down`."""
STATE = Path("/var/lib/paf-lab")
"""Each node's writable layer and root, the generated passwords, the drills' records."""
RUN = Path("/run/paf-lab")
"""Locks, consoles, the power daemon's socket and log."""
POWER = RUN / "power"
SECRETS = STATE / "secrets"

PREFIX = "paf-"
SWITCH = "paf-switch"
"""The network namespace that holds the bridge; nothing is added to the host's own network."""

ADDRESSES = {
    "srv1": "10.20.30.51",
    "srv2": "10.20.30.52",
    "srv3": "10.20.30.53",
    "log-sink": "10.20.30.55",
}
DATABASE_NODES = ("srv1", "srv2", "srv3")
SINK = "log-sink"
