"""Where the lab keeps things on the host, and what it is made of."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
LAB = os.environ.get("PAF_LAB", "paf")
"""PAF_LAB=NAME gives a second lab beside the first, with which it shares nothing."""
if not (LAB.isascii() and LAB.isalnum() and len(LAB) < 9):
    raise SystemExit("lab: PAF_LAB must be up to 8 letters and digits")

CACHE = Path(f"/var/cache/{LAB}-lab")
"""The image; survives `lab down`."""
STATE = Path(f"/var/lib/{LAB}-lab")
"""Each node's writable layer and root, the generated passwords, the drills' records."""
RUN = Path(f"/run/{LAB}-lab")
"""Locks, consoles, the power daemon's socket and log."""
POWER = RUN / "power"
SECRETS = STATE / "secrets"

GROUP = f"{LAB}-lab"
"""The control group that holds those of the nodes."""
PREFIX = f"{LAB}-"
SWITCH = f"{LAB}-switch"
"""The network namespace that holds the bridge; nothing is added to the host's own network."""

ADDRESSES = {
    "srv1": "10.20.30.51",
    "srv2": "10.20.30.52",
    "srv3": "10.20.30.53",
    "srv4": "10.20.30.54",
    "log-sink": "10.20.30.55",
}
DATABASE_NODES = ("srv1", "srv2", "srv3")
SPARE_NODE = "srv4"
"""Boots only in a drill that adds a node to the cluster."""
SINK = "log-sink"
