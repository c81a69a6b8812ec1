"""Where the lab keeps things on the host, and what it is made of."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def _source_tree() -> Path:
    """Returns the checkout that this package is part of; if it is installed, the one around "."."""
    here = Path.cwd()
    trees = (PACKAGE.parent, here, *here.parents)
    return next((tree for tree in trees if (tree / "provision" / "packages.txt").exists()), here)


REPO = _source_tree()
"""The agent's package and the nodes are made of it; image.py says so if it is not there."""
LAB = os.environ.get("PAF_LAB", "paf")
"""PAF_LAB=NAME gives a second lab beside the first, with which it shares nothing."""
if not (LAB.isascii() and LAB.isalnum() and len(LAB) < 9):
    raise SystemExit("lab: PAF_LAB must be up to 8 letters and digits")

POSTGRESQL = {"bookworm": "15", "trixie": "17", "forky": "18"}
"""The version of PostgreSQL in each Debian that the nodes can be."""
SUITE = os.environ.get("PAF_SUITE", "bookworm")
"""PAF_SUITE=trixie gives nodes of Debian 13, PAF_SUITE=forky those of Debian testing."""
if SUITE not in POSTGRESQL:
    raise SystemExit(f"lab: PAF_SUITE must be one of {', '.join(POSTGRESQL)}")
PGBIN = f"/usr/lib/postgresql/{POSTGRESQL[SUITE]}/bin"
PGDATA = f"/var/lib/postgresql/{POSTGRESQL[SUITE]}/main"

CACHE = Path(f"/var/cache/{LAB}-lab")
"""The image; survives `lab down`."""
STATE = Path(f"/var/lib/{LAB}-lab")
"""Each node's writable layer and root, the generated passwords, the drills' records."""
RUN = Path(f"/run/{LAB}-lab")
"""Locks, consoles, the power daemon's socket and log."""
POWER = RUN / "power"
SECRETS = STATE / "secrets"
TOPOLOGY = STATE / "topology"
"""The name of the topology that the nodes were built as."""

GROUP = f"{LAB}-lab"
"""The control group that holds those of the nodes."""
PREFIX = f"{LAB}-"
SWITCH = f"{LAB}-switch"
"""The network namespace that holds the bridge; nothing is added to the host's own network."""

COUNT = os.environ.get("PAF_NODES", "3")
"""PAF_NODES=5 gives a cluster of five."""
if COUNT not in [str(number) for number in range(3, 17)]:  # Corosync bears no more
    raise SystemExit("lab: PAF_NODES must be a number from 3 to 16")
DATABASE_NODES = tuple(f"srv{number}" for number in range(1, int(COUNT) + 1))
SPARE_NODE = f"srv{int(COUNT) + 1}"
"""Boots only in a drill that adds a node to the cluster."""
SINK = "log-sink"
APP = "app"
"""The machine of an application. It boots only in `lab drill drivers`."""


def _address(number: int) -> str:
    return f"10.20.30.{number + (50 if number < 5 else 60)}"


ADDRESSES = {
    **{name: _address(place) for place, name in enumerate((*DATABASE_NODES, SPARE_NODE), start=1)},
    SINK: "10.20.30.55",
    APP: "10.20.30.56",
}
