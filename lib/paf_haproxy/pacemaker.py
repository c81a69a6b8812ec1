"""What the agent asks Pacemaker, and what it tells it. Not for the hot path, but for `members`,
`demote_waits` and `busy`.
"""

from __future__ import annotations

import time

from . import log
from .command import CommandError, run
from .ocf import AgentError

ASK_WITHIN = 1.0
"""Most seconds for whether Pacemaker is idle, which the DC tells, and for who is drained. The
executor gives a resource one action at a time: a notification waits as long as the monitor before
it does, and the DC may have died.
"""
ATTRIBUTE_WITHIN = 3.0  # s for Pacemaker's attribute manager
PROMOTION_SCORE = "1"
DRAINED = "paf-haproxy-drained"
"""The node attribute that keeps a node out of stdby while it is "true". Its name is followed by
that of the resource; without it, as earlier versions wrote it, it holds for every resource.
"""
MEMBER = ("", "member")
"""The type of a full node in the CIB; that of the others is "remote"."""


def nodes() -> tuple[str, ...]:
    """Returns the names of the cluster's nodes, sorted, those that are down too and those of
    Pacemaker Remote not. Raises CommandError without a cluster.
    """
    return tuple(
        sorted(_value(each, "uname") for each in _nodes() if _value(each, "type") in MEMBER)
    )


def members() -> frozenset[str]:
    """Returns the names of the nodes that are up, as this one sees them. Raises AgentError where
    Pacemaker does not tell.
    """
    return frozenset(run(["crm_node", "--partition"], ASK_WITHIN).split())


def drain_attribute(resource: str) -> str:
    """Returns the name of the node attribute, e.g. 'paf-haproxy-drained-haproxy'."""
    return f"{DRAINED}-{resource.partition(':')[0]}"


def drained(resource: str) -> frozenset[str]:
    """Returns the nodes that a person took out of the resource's stdby, with `paf-haproxy drain`.
    Raises CommandError without a cluster.
    """
    names = (DRAINED, drain_attribute(resource))
    return frozenset(
        node
        for node, of in node_attributes(ASK_WITHIN).items()
        if any(of.get(name) == "true" for name in names)
    )


def node_attributes(within: float = 10.0) -> dict[str, dict[str, str]]:
    """Returns the permanent attributes of each node, which the CIB has, in its XML's escapes.
    Raises CommandError without a cluster.
    """
    return {
        _value(node, "uname"): {
            _value(each, "name"): _value(each, "value") for each in node.split("<nvpair ")[1:]
        }
        for node in _nodes(within)
    }


def _nodes(within: float = 10.0) -> list[str]:
    """Returns the XML of each node, from after the tag's name on."""
    # Not crm_node --list, which may go on listing a node that was removed.
    query = ["cibadmin", "--query", "--xpath", "//nodes/node"]
    return run(query, within).split("<node ")[1:]


def _value(element: str, attribute: str) -> str:
    """Returns the value of an attribute of the first tag of an element."""
    return f" {element.partition('>')[0]}".partition(f' {attribute}="')[2].partition('"')[0]


def promoted(clone: str) -> tuple[str, ...]:
    """Returns the nodes on which the clone is promoted, as Pacemaker sees it now.

    Raises CommandError if Pacemaker does not answer or does not know the clone.
    """
    answer = run(["crm_resource", "--resource", clone, "--locate"])
    # "resource pgsqld-clone is running on: srv1 Promoted"
    found = []
    for line in answer.splitlines():
        words = line.rpartition(": ")[2].split()
        if len(words) == 2 and words[1] == "Promoted":
            found.append(words[0])
    return tuple(found)


def idle(dc: str = "") -> bool:
    """Returns whether no transition is under way: the DC's controller is in S_IDLE. One that does
    not say so in time is not. dc: the DC's node if the caller knows it, which saves a question; the
    controller of another node is never in S_IDLE.
    """
    return "S_IDLE" in _controller(dc)


def busy() -> bool:
    """Returns whether a transition is under way: the DC's controller says that it is in another
    state.
    """
    told = _controller()
    return bool(told) and "S_IDLE" not in told


def _controller(dc: str = "") -> str:
    """Returns what the DC's controller says of its state, '' if it does not answer in time."""
    end = time.monotonic() + ASK_WITHIN
    try:
        if not dc:
            answer = run(["crmadmin", "--dc_lookup"], ASK_WITHIN)
            dc = answer.rpartition(": ")[2].strip()
        left = max(0.0, end - time.monotonic())
        return run(["crmadmin", "--status", dc], left) if dc else ""
    except AgentError:
        return ""


def demote_waits(resource: str, clone: str) -> bool:
    """Returns whether Pacemaker demotes PAF's clone only after this resource, as the constraint of
    70-constraints.sh for PgBouncer says. If Pacemaker does not answer, it does not.
    """
    name = resource.partition(":")[0]
    first = f"@first='{name}' or @first=//*[primitive/@id='{name}']/@id"
    order = f"[@then='{clone}'][@first-action='demote'][@then-action='demote'][{first}]"
    query = ["cibadmin", "--query", "--local", "--xpath", f"//rsc_order{order}"]
    try:
        return "<rsc_order " in run(query, ASK_WITHIN)
    except AgentError:
        return False


def set_promotable(instance: str, node: str) -> None:
    """Lets Pacemaker promote the instance on this node, until it is stopped."""
    _promotion(instance, node, "--update", PROMOTION_SCORE)


def unset_promotable(instance: str, node: str) -> None:
    """Takes the node's promotion score away."""
    _promotion(instance, node, "--delete")


def forget_probe(resource: str, node: str) -> bool:
    """Removes Pacemaker's record of a failed probe if it is one that found the resource running.
    Returns whether there is none now. Raises AgentError if Pacemaker does not remove it.

    Pacemaker 2.1.5 keeps an unexpected result of a probe as a failure, without what tells it
    which parameters can be changed live. It would restart HAProxy when a parameter changes.
    During a transition the record stays for the next monitor: its removal would make Pacemaker
    plan anew while PostgreSQL is being started or stopped.
    """
    name = f"{resource.partition(':')[0]}_last_failure_0"
    probe = f"[@id='{name}'][@operation='monitor'][@interval='0'][@rc-code='0' or @rc-code='8']"
    record = f"//node_state[@uname='{node}']//lrm_rsc_op{probe}"
    try:
        run(["cibadmin", "--query", "--local", "--xpath", record], ASK_WITHIN)
    except CommandError:
        return True
    if not idle():
        return False
    run(["cibadmin", "--delete-all", "--force", "--xpath", record], ATTRIBUTE_WITHIN)
    return True


def tell(resource: str, node: str, value: str) -> None:
    """Answers a request (request.py), as an attribute of the node that its restart removes. Raises
    AgentError if Pacemaker does not take it.
    """
    scope = ["--node", node, "--name", answer_attribute(resource), "--lifetime", "reboot"]
    run(["crm_attribute", *scope, "--update", value], ATTRIBUTE_WITHIN)


def request_attribute(resource: str) -> str:
    """Returns the name of the node attribute, e.g. 'paf-haproxy-request-haproxy'."""
    return f"paf-haproxy-request-{resource.partition(':')[0]}"


def answer_attribute(resource: str) -> str:
    """Returns the name of the node attribute, e.g. 'paf-haproxy-answer-haproxy'."""
    return f"paf-haproxy-answer-{resource.partition(':')[0]}"


def rejected_attribute(resource: str) -> str:
    """Returns the name of the node attribute, e.g. 'paf-haproxy-rejected-haproxy'."""
    return f"paf-haproxy-rejected-{resource.partition(':')[0]}"


def tell_rejected(instance: str, node: str, reason: str) -> None:
    """Shows why a configuration is not used, as an attribute of the node for `crm_mon -A`; ''
    removes the attribute. If Pacemaker does not answer, the log and HAProxy's metrics have it.
    """
    scope = ["--node", node, "--name", rejected_attribute(instance), "--lifetime", "reboot"]
    change = ["--update", reason] if reason else ["--delete"]
    try:
        run(["crm_attribute", *scope, *change], ATTRIBUTE_WITHIN)
    except AgentError as error:
        log.warning(error.reason)


def _promotion(instance: str, node: str, *change: str) -> None:
    scope = ["--node", node, "--lifetime", "reboot"]
    run(["crm_attribute", f"--promotion={instance}", *scope, *change], ATTRIBUTE_WITHIN)
