"""Whether the primary can move to a node now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import findings
from .findings import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .situation import Situation
    from .survey import Cluster, Node

FINE, NOTE, REFUSED = "ok", "note", "refused"
CONSTRAINTS = "/usr/share/paf-haproxy/pcs-scripts/70-constraints.sh"
READY_FILES = 8
"""Most files that wait for the archiver. PostgreSQL ends only after the last one is archived."""
MOSTLY_USED = 50  # % of a segment


@dataclass(frozen=True)
class Limits:
    """lag: bytes of WAL that the candidate may be behind. age: s that a transaction may be open."""

    lag: int = 16 << 20
    age: float = 10


@dataclass(frozen=True)
class Check:
    """One check. outcome: FINE, NOTE or REFUSED. do: what to type, if it is refused."""

    name: str
    outcome: str
    text: str
    do: str = ""


def cluster_checks(cluster: Cluster, found: Situation, clone: str) -> Iterator[Check]:
    """Yields the checks that need no PostgreSQL."""
    troubles = [each.text for each in findings.findings(cluster) if each.grade > findings.OK]
    yield _check("components", troubles, "Pacemaker, PostgreSQL and every HAProxy agree",
                 "paf-haproxy status")  # fmt: skip
    yield _check("quorum", [] if found.quorum else ["the cluster has no quorum"],
                 "the cluster has it", "pcs status; start the nodes that are missing")  # fmt: skip
    yield _check("transition", [] if found.idle else ["Pacemaker is at work, or does not answer"],
                 "none is under way", "crm_mon; wait until it has ended")  # fmt: skip
    unmanaged = [f"{name} is unmanaged" for name in found.unmanaged]
    maintenance = ["the cluster is in maintenance mode"] if found.maintenance else []
    yield _check("managed", maintenance or unmanaged, "Pacemaker manages all resources",
                 "pcs property set maintenance-mode=false" if found.maintenance
                 else f"pcs resource manage {' '.join(found.unmanaged)}")  # fmt: skip
    left = [f"an earlier move or ban has left {name}" for name, _ in found.constraints]
    resources = sorted({resource for _, resource in found.constraints})
    yield _check("constraints", left, "no earlier move or ban is in force",
                 "; ".join(f"crm_resource --clear --resource {name}" for name in resources)
                 )  # fmt: skip
    if found.failed:
        text = f"PAF's resource has failed on {' '.join(found.failed)}: it is cleaned up first"
        yield Check("failures", NOTE, text, f"crm_resource --cleanup --resource {clone}")
    else:
        yield Check("failures", FINE, "Pacemaker has none of PAF's resource on record")


def candidate_checks(
    node: Node, found: Situation, primary: Mapping[str, Any], own: Mapping[str, Any], limits: Limits
) -> Iterator[Check]:
    """Yields the checks of the node that is to be the primary. primary, own: what standing.look()
    says on the primary and on this node.
    """
    score = found.scores.get(node.name, -1)
    yield _check("score", [] if score > 0 else [f"PAF does not let {node.name} be promoted"],
                 f"PAF gives {node.name} {score}",
                 "crm_mon -1 -A; PAF gives a standby its score up to 16 s after it streams"
                 )  # fmt: skip
    line = next((each for each in primary["standbys"] if each["name"] == node.name), None)
    streams = line is not None and line["state"] == "streaming"
    yield _check("streaming", [] if streams else [f"{node.name} does not stream from the primary"],
                 f"{node.name} streams", f"journalctl -u pacemaker on {node.name}")  # fmt: skip
    # A standby that does not stream has none.
    same = own["timeline"] in (None, primary["timeline"])
    yield _check("timeline", [] if same else [
                     f"{node.name} is on timeline {own['timeline']}, the primary on"
                     f" {primary['timeline']}"],
                 f"both are on {primary['timeline']}",
                 f"wait; if it stays, copy {node.name} again (operations.md)")  # fmt: skip
    flush = float(line["flush"] or 0) if line else 0.0
    replay = float(own["replay"] or 0)
    behind = [
        f"{node.name} {what} {size(int(value))} behind, more than {size(limits.lag)}"
        for what, value in (("is", flush), ("replays", replay))
        if value > limits.lag
    ]
    yield _check("lag", behind, f"{size(int(flush))}, to be replayed {size(int(replay))}",
                 "wait, or allow more with --max-lag")  # fmt: skip
    if own.get("unused"):
        text = f"a segment on {node.name} was never used, which can make PAF call the move off"
        yield Check("segments", NOTE, f"{text}: WAL is written first")
    else:
        yield Check("segments", FINE, f"all segments of WAL on {node.name} have been used")
    if own["paused"]:
        yield Check("replay", REFUSED, f"replay is paused on {node.name}",
                    f"on {node.name}: SELECT pg_wal_replay_resume()")  # fmt: skip


def primary_checks(name: str, facts: Mapping[str, Any], limits: Limits) -> Iterator[Check]:
    """Yields the checks of the primary. facts: what standing.look() says there."""
    late = [
        f"pid {each['pid']} of {each['user']}: {each['seconds']:.0f} s"
        for each in facts["transactions"]
        if each["seconds"] > limits.age
    ]
    pids = [each["pid"] for each in facts["transactions"] if each["seconds"] > limits.age]
    yield _check("transactions", late, f"none is open for more than {limits.age:g} s",
                 f"wait, or on {name}: " + "; ".join(f"SELECT pg_terminate_backend({pid})"
                                                   for pid in pids))  # fmt: skip
    count = int(facts["prepared"])
    yield _check("prepared", [f"{count} prepared transactions keep their locks"] if count else [],
                 "there is no prepared transaction",
                 f"on {name}: end each in pg_prepared_xacts with COMMIT PREPARED or ROLLBACK"
                 " PREPARED")  # fmt: skip
    archive = facts["archive"]
    slow = archive["mode"] != "off" and (archive["failing"] or archive["ready"] > READY_FILES)
    text = "the archiver fails" if archive["failing"] else "the archiver is behind"
    yield _check("archiver", [f"{text}: {archive['ready']} files wait; PostgreSQL ends only after"
                              " the last one"] if slow else [],
                 "off" if archive["mode"] == "off" else f"{archive['ready']} files wait",
                 f"on {name}: correct archive_command; pg_stat_archiver has the file")  # fmt: skip
    slots = [str(each) for each in facts["slots"]]
    if slots:
        text = f"{' '.join(slots)}: a slot does not move with the primary"
        yield Check("slots", NOTE, text, "create it on the new primary for its consumer")
    else:
        yield Check("slots", FINE, "the primary has none")


def pooler_checks(told: Mapping[str, Mapping[str, Any]], waits: bool) -> Iterator[Check]:
    """Yields the checks of PgBouncer. told: what each node answered. waits: whether PAF waits for
    PgBouncer's open transactions.
    """
    troubles = [f"{node}: {facts['pooler']}" for node, facts in told.items() if facts.get("pooler")]
    nodes = " and ".join(node for node, facts in told.items() if facts.get("pooler"))
    yield _check("pooler", troubles, "every PgBouncer answers, where there is one",
                 f"on {nodes}: systemctl status pgbouncer; its sessions would end with an error"
                 )  # fmt: skip
    if not waits:
        text = "PAF does not wait for PgBouncer: open transactions end with an error; type"
        yield Check("pooler", NOTE, f"{text} bash {CONSTRAINTS}")


def segment_to_leave(primary: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Returns the last segment of WAL, by its name without the timeline, that the primary must have
    left before the CHECKPOINTs; '' if there is none. primary, own: as for candidate_checks().

    It is the last one on the candidate that was never used, or the current one if most of it is
    used. After a promotion, the standbys fetch that segment from its beginning, and writes wait for
    a synchronous standby. A CHECKPOINT that finds three quarters of it used makes the next one.
    """
    # Versions of paf-haproxy that do not tell the segment may answer during an upgrade.
    segment = primary.get("segment") or {"name": "", "used": 0}
    current = str(segment["name"]) if float(segment["used"]) >= MOSTLY_USED else ""
    return max(str(own.get("unused", "")), current)


def best(cluster: Cluster, found: Situation) -> str:
    """Returns the standby with the highest score of PAF's, '' if there is none; the first by name
    of those with the same.
    """
    fit = [node.name for node in cluster.nodes if node.postgres == "Unpromoted" and node.online]
    fit = [name for name in fit if found.scores.get(name, -1) > 0]
    return max(sorted(fit), key=lambda name: found.scores[name], default="")


def refused(checks: Sequence[Check]) -> bool:
    return any(check.outcome == REFUSED for check in checks)


def _check(name: str, troubles: Sequence[str], fine: str, do: str) -> Check:
    if troubles:
        return Check(name, REFUSED, "; ".join(troubles), do)
    return Check(name, FINE, fine)
