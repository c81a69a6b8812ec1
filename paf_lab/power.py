"""The power switch: a daemon on the host that really kills and boots nodes when they are fenced.

One line in, one line out, over a Unix socket that every node sees as /srv/power/socket:
`status NODE`, `off NODE`, `on NODE`, `reboot NODE`, `list`.
"""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from . import cgroup, disorder
from .errors import LabError
from .layout import POWER, REPO, RUN
from .node import NODES, SPARE, Node, named

SOCKET = POWER / "socket"
LOG = RUN / "power.log"
OUTPUT = RUN / "power.out"
REFUSED = "the switch is out of order: it was told to refuse"
FIRMWARE = 6.0
"""s between power and boot after a reset. A node that is back before the cluster is done with its
loss is told of its own fencing, and stays down (pacemakerd's exit code 100)."""
GROUP = "power"
"""The daemon's control group: it is found there whatever became of the `lab up` that started it."""


def power_off(node: Node) -> None:
    """Cuts a node's power, as a fencing does: returns once all its processes are gone."""
    ask(f"off {node.name}")


def power_on(node: Node) -> None:
    """Boots a node that is off. Returns once its systemd runs, which is before it is ready."""
    ask(f"on {node.name}")


def is_running(node: Node) -> bool:
    """Returns whether the node has power."""
    return node.running


def refusals(since: float) -> list[str]:
    """Returns the nodes that Pacemaker's orders since then (s of the epoch) did not switch off."""
    found = []
    for line in LOG.read_text().splitlines() if LOG.exists() else ():
        moment, _, text = line.partition(" ")
        order, refused, _ = text.partition(f": error {REFUSED}")
        if refused and datetime.fromisoformat(moment).timestamp() >= since:
            found.append(order.partition(" ")[2])
    return found


def fencings(since: float) -> list[str]:
    """Returns the nodes that were switched off on Pacemaker's order since then (s of the epoch)."""
    found = []
    for line in LOG.read_text().splitlines() if LOG.exists() else ():
        moment, _, text = line.partition(" ")
        words = text.split()
        done = len(words) == 3 and words[0] in ("off", "reboot") and words[2] in ("off", "on")
        if done and datetime.fromisoformat(moment).timestamp() >= since:
            found.append(words[1].rstrip(":"))
    return found


def ask(line: str, within: float = 60) -> str:
    """Returns the daemon's answer to one line. Raises LabError if it refuses or is not there."""
    try:
        with socket.socket(socket.AF_UNIX) as power:
            power.settimeout(within)
            power.connect(str(SOCKET))
            power.sendall(line.encode() + b"\n")
            answer = power.makefile().readline().strip()
    except OSError as error:
        raise LabError(f"the power daemon does not answer ({error}): lab up") from error
    if not answer or answer.startswith("error"):
        raise LabError(f"power {line}: {answer.removeprefix('error ') or 'no answer'}")
    return answer


def switch(line: str) -> str:
    """Carries out one command and returns the answer. Raises LabError."""
    words = line.split()
    if words == ["list"]:
        return " ".join(node.name for node in (*NODES, SPARE))
    if len(words) != 2 or words[0] not in ("status", "off", "on", "reboot"):
        raise LabError("expected: list, or status|off|on|reboot NODE")
    verb, node = words[0], named(words[1])
    if verb != "status" and disorder.refuses():
        raise LabError(REFUSED)
    if verb in ("off", "reboot"):
        time.sleep(disorder.lateness())
    if verb != "status" and disorder.pretends():
        return f"{'on' if verb == 'on' else 'off'} {disorder.PRETENDED}"
    if verb == "reboot":
        return _reset(node)
    if verb == "off":
        node.power_off()
    if verb == "on":
        node.boot()
    return "on" if node.running else "off"


def _reset(node: Node) -> str:
    """Cuts a node's power and returns; it boots by itself once its firmware is through."""
    off = threading.Event()
    boot = threading.Thread(target=_logged, args=(node.reset, off, FIRMWARE), daemon=True)
    boot.start()
    if not off.wait(30):
        raise LabError(f"{node.name} does not go off")
    return "off"


def _logged(work: Callable[..., None], *arguments: object) -> None:
    try:
        work(*arguments)
    except LabError as error:
        _log(f"error {error}")


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline(200).decode(errors="replace").strip()
        if not line.startswith(("status", "list")):
            _log(line)
        try:
            answer = switch(line)
        except LabError as error:
            answer = f"error {error}"
        except OSError as error:
            answer = f"error {line}: {error}"
        if not line.startswith(("status", "list")):
            _log(f"{line}: {answer}")
        self.wfile.write((answer + "\n").encode())


def _log(text: str) -> None:
    """Drills read this: one line when an order comes, one when it is carried out."""
    with LOG.open("a") as log:
        moment = datetime.now(timezone.utc).isoformat(timespec="microseconds")
        log.write(f"{moment} {text}\n")


def pid() -> int | None:
    """Returns the daemon's pid if there is one."""
    return min(cgroup.members(GROUP), default=None)


def answers() -> bool:
    """Returns whether the daemon is at work."""
    try:
        return bool(ask("list", within=5))
    except LabError:
        return False


def start() -> None:
    """Starts the daemon unless it answers. Returns once it does."""
    if answers():
        return
    stop()
    POWER.mkdir(parents=True, exist_ok=True)
    with OUTPUT.open("ab") as out:
        daemon = subprocess.Popen(
            cgroup.wrap(GROUP, [sys.executable, "-m", "paf_lab.power"]),
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=REPO,
        )  # fmt: skip
    end = time.monotonic() + 10
    while not answers():
        if time.monotonic() > end or daemon.poll() is not None:
            raise LabError(f"the power daemon does not start: see {OUTPUT}")
        time.sleep(0.05)


def stop() -> None:
    """Ends the daemon."""
    cgroup.kill(GROUP)


def serve() -> None:
    """Answers until it is killed. One thread a request: a fencing may last for seconds."""
    SOCKET.unlink(missing_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(SOCKET), _Handler) as server:
        SOCKET.chmod(0o600)
        server.serve_forever()


if __name__ == "__main__":
    serve()
