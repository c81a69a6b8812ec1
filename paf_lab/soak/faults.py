"""How each kind of fault is brought about and taken back. What takes it back can be repeated, and
does no harm if the fault was never brought about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import rejoin
from ..drill import commands
from ..drill.faults import network, notify, run_files
from ..errors import LabError
from ..machine import Machine
from .scene import Scene
from .schedule import PRIMARY, Entry

LIMITS = ("1990", "2000")
"""Values of maxconn: for some time, and afterwards."""
LOSS = ("-i", "eth0", "-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP")
LOSE = ("iptables", "-w", "-I", "INPUT", *LOSS)
LOSE_NO_MORE = f"while iptables -w -D INPUT {' '.join(LOSS)} 2>/dev/null; do :; done"
CONTINUE = f"pkill -CONT -f '{commands.HAPROXY}' || true"

Work = Callable[[Scene, Machine], object]


@dataclass(frozen=True)
class Fault:
    """begin raises LabError if the fault cannot be brought about now."""

    begin: Work
    end: Work | None = None


def _signal(node: Machine, name: str, pid: int | None) -> None:
    if pid is None:
        raise LabError(f"HAProxy on {node.name} does not tell its pid")
    node.run("kill", f"-{name}", str(pid))


def kill_worker(scene: Scene, node: Machine) -> None:
    _signal(node, "KILL", commands.haproxy_pid(node, scene.access))


def kill_master(scene: Scene, node: Machine) -> None:
    _signal(node, "KILL", commands.haproxy_master(node))


def stop_worker(scene: Scene, node: Machine) -> None:
    _signal(node, "STOP", commands.haproxy_pid(node, scene.access))


def kill_postgres(scene: Scene, node: Machine) -> None:
    commands.signal_postmaster(node, scene.access, "KILL")


def power_off(scene: Scene, node: Machine) -> None:
    """The fencing that follows gives it power again."""
    scene.away.add(node.name)
    node.power_off()


def cut(scene: Scene, node: Machine) -> None:
    scene.away.add(node.name)
    node.cut_off()


def _port(scene: Scene, node: Machine, verb: str) -> None:
    address = scene.nodes[scene.roles[PRIMARY]].address
    network.port_rule(node, verb, address, scene.access.pgport)


def switch_over(scene: Scene, node: Machine) -> None:
    asked = scene.anyone
    if node.name not in commands.status(asked).online:
        raise LabError(f"{node.name} is not online")
    commands.move(asked, scene.access.pgsql_clone, node.name)


def spoil(scene: Scene, node: Machine) -> None:
    """Corrupts the role file on the first node, makes it stale on the second, and so on."""
    spoils = run_files.spoils(scene.roles[PRIMARY])
    place = sorted(scene.nodes).index(node.name)
    node.run("sh", "-c", spoils[place % len(spoils)])


def _parameter(scene: Scene, value: str) -> None:
    commands.set_parameter(scene.anyone, scene.access.haproxy, "maxconn", value)


FAULTS: Mapping[str, Fault] = {
    "kill-haproxy": Fault(kill_worker),
    "kill-haproxy-master": Fault(kill_master),
    "stop-haproxy": Fault(stop_worker, lambda scene, node: node.run("sh", "-c", CONTINUE)),
    "kill-postgres": Fault(kill_postgres),
    "power-off": Fault(power_off),
    "cut": Fault(cut, lambda scene, node: node.plug_in()),
    "packet-loss": Fault(
        lambda scene, node: node.run(*LOSE), lambda scene, node: node.run("sh", "-c", LOSE_NO_MORE)
    ),
    "port-cut": Fault(
        lambda scene, node: _port(scene, node, "add"), lambda scene, node: _port(scene, node, "del")
    ),
    "switchover": Fault(
        switch_over, lambda scene, node: commands.clear(scene.anyone, scene.access.pgsql_clone)
    ),
    "lost-notify": Fault(
        lambda scene, node: notify.tamper(node, notify.LOST), lambda scene, node: notify.mend(node)
    ),
    "hanging-notify": Fault(
        lambda scene, node: notify.tamper(node, notify.HANGING),
        lambda scene, node: notify.mend(node),
    ),
    "role-file": Fault(spoil),
    "reload": Fault(
        lambda scene, node: _parameter(scene, LIMITS[0]),
        lambda scene, node: _parameter(scene, LIMITS[1]),
    ),
    "maintenance": Fault(
        lambda scene, node: commands.maintenance(scene.anyone, on=True),
        lambda scene, node: commands.maintenance(scene.anyone, on=False),
    ),
    "cleanup": Fault(lambda scene, node: commands.cleanup(scene.anyone, scene.access.haproxy)),
}
"""By the names of schedule.KINDS. A cleanup of PAF's resource is none of them: it could make
Pacemaker forget that it has to fence a node (docs/traps/pacemaker.md)."""


def begin(scene: Scene, entry: Entry) -> None:
    """Brings a fault about. Raises LabError if that is not possible now."""
    node = scene.node(entry.victim)
    if not node.running:
        raise LabError(f"{node.name} is off")
    if entry.kind.away and rejoin.absent(node):
        raise LabError(f"the cluster does not run on {node.name}")
    scene.say(f"{entry.fault} ({entry.victim}: {node.name})")
    FAULTS[entry.fault].begin(scene, node)


def end(scene: Scene, entry: Entry) -> None:
    """Takes a fault back, at once or when its node is there again."""
    work = FAULTS[entry.fault].end
    if work is not None:
        scene.undo(
            f"{entry.fault} of {entry.victim}", lambda: work(scene, scene.node(entry.victim))
        )


def impossible(scene: Scene) -> dict[str, str]:
    """Returns the faults that this machine cannot bring about, with the reason."""
    node = scene.anyone
    try:
        node.run(*LOSE)
    except LabError as error:
        return {"packet-loss": str(error)}
    finally:
        node.run("sh", "-c", LOSE_NO_MORE, check=False)
    return {}
