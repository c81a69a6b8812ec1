"""The power switch: a daemon on the host that really kills and boots nodes when they are fenced.

One line in, one line out, over a Unix socket that every node sees as /srv/power/socket:
`status NODE`, `off NODE`, `on NODE`, `reboot NODE`, `list`.
"""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from .errors import LabError
from .layout import POWER, REPO, RUN
from .node import NODES, named

SOCKET = POWER / "socket"
LOG = RUN / "power.log"
PIDFILE = RUN / "power.pid"


def switch(line: str) -> str:
    """Carries out one command and returns the answer. Raises LabError."""
    words = line.split()
    if words == ["list"]:
        return " ".join(node.name for node in NODES)
    if len(words) != 2 or words[0] not in ("status", "off", "on", "reboot"):
        raise LabError("expected: list, or status|off|on|reboot NODE")
    verb, node = words[0], named(words[1])
    if verb in ("off", "reboot"):
        node.power_off()
    if verb in ("on", "reboot"):
        node.boot()
    return "on" if node.running or verb in ("on", "reboot") else "off"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline(200).decode(errors="replace").strip()
        try:
            answer = switch(line)
        except LabError as error:
            answer = f"error {error}"
        if not line.startswith(("status", "list")):
            with LOG.open("a") as log:
                moment = datetime.now(timezone.utc).isoformat(timespec="microseconds")
                log.write(f"{moment} {line}: {answer}\n")
        self.wfile.write((answer + "\n").encode())


def pid() -> int | None:
    """Returns the daemon's pid if it runs."""
    try:
        number = int(PIDFILE.read_text())
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return number if b"lab.power" in words else None


def start() -> None:
    """Starts the daemon unless it runs. Returns once it listens."""
    if pid() is not None:
        return
    POWER.mkdir(parents=True, exist_ok=True)
    SOCKET.unlink(missing_ok=True)
    with (RUN / "power.out").open("ab") as out:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "lab.power"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=REPO,
        )  # fmt: skip
    PIDFILE.write_text(f"{daemon.pid}\n")
    end = time.monotonic() + 10
    while not SOCKET.exists():
        if time.monotonic() > end or daemon.poll() is not None:
            raise LabError(f"the power daemon does not start: see {RUN / 'power.out'}")
        time.sleep(0.05)


def stop() -> None:
    """Ends the daemon and waits for it."""
    number = pid()
    if number is None:
        return
    os.kill(number, 15)
    end = time.monotonic() + 10
    while Path(f"/proc/{number}").exists() and pid() is not None:
        if time.monotonic() > end:
            os.kill(number, 9)
        time.sleep(0.05)


def serve() -> None:
    """Answers until it is killed. One thread a request: a fencing may last for seconds."""
    SOCKET.unlink(missing_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(SOCKET), _Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve()
