"""Whether the constraints are those of pcs-scripts/70-constraints.sh. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cib import ROLES, true
from .outcome import SCRIPTS, fine, note, pcs, unknown, wrong
from .situation import LEFT_OVER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from .cib import Cib, Resource
    from .readiness import Check

SCRIPT = f"bash {SCRIPTS}/70-constraints.sh"


def constraint_checks(cib: Cib, ours: Resource, paf: Resource, pooler: bool) -> Iterator[Check]:
    """Yields the checks of the constraints. pooler: whether parameter pooler is set."""
    yield from _colocation(cib, ours, paf)
    yield _promote(cib, ours, paf)
    yield _demote(cib, ours, paf, pooler)
    left = [
        (str(each.get("id")), str(each.get("rsc")))
        for each in cib.constraints("rsc_location")
        if str(each.get("id")).startswith(LEFT_OVER)
    ]
    if left:
        text = f"an earlier move or ban has left {' '.join(name for name, _ in left)}"
        resources = sorted({resource for _, resource in left})
        do = "; ".join(f"crm_resource --clear --resource {name}" for name in resources)
        yield note("constraints", text, do)
    else:
        yield fine("constraints", "no earlier move or ban has left one")


def _colocation(cib: Cib, ours: Resource, paf: Resource) -> Iterator[Check]:
    name = "colocation"
    every = cib.constraints("rsc_colocation")
    for each in every:
        if paf.named(each.get("rsc", "")) and ours.named(each.get("with-rsc", "")):
            text = f"{each.get('id')} places PostgreSQL by HAProxy: HAProxy must follow PostgreSQL"
            yield wrong(name, text, pcs(f"constraint remove {each.get('id')}"))
    found = [
        each
        for each in every
        if ours.named(each.get("rsc", ""))
        and paf.named(each.get("with-rsc", ""))
        and _role(each, "rsc-role") == _role(each, "with-rsc-role") == "Promoted"
    ]
    add = (
        f"constraint colocation add Promoted {ours.clone} with Promoted {paf.clone} INFINITY"
        " influence=false"
    )
    if not found and _sets(every, ours):
        yield unknown(name, "a colocation is written with resource sets")
    elif not found:
        text = f"nothing keeps {ours.clone} promoted where {paf.clone} is promoted"
        yield wrong(name, text, SCRIPT)
    for each in found:
        anew = pcs(f"constraint remove {each.get('id')}", add)
        # Without influence, meta attribute critical decides (Pacemaker Explained, "Colocation").
        influence = each.get("influence") or ours.meta.get("critical", "true")
        if each.get("score", "0").lstrip("+") != "INFINITY":
            text = f"{each.get('id')} has score {each.get('score', '0')}, not INFINITY"
            yield wrong(name, text, anew)
        elif true(influence):
            text = "lacks influence=false: a HAProxy that cannot run moves the primary"
            yield wrong(name, f"{each.get('id')} {text}", anew)
        else:
            yield fine(name, "HAProxy is promoted with PostgreSQL, and does not move it")


def _promote(cib: Cib, ours: Resource, paf: Resource) -> Check:
    name = "promote order"
    found = _orders(cib, paf, ours, "promote")
    add = f"constraint order promote {paf.clone} then promote {ours.clone} symmetrical=false"
    if not found:
        if _sets(cib.constraints("rsc_order"), ours):
            return unknown(name, "an order is written with resource sets")
        text = f"nothing promotes {paf.clone} before {ours.clone}"
        return wrong(name, text, SCRIPT)
    order = found[0]
    anew = pcs(f"constraint remove {order.get('id')}", add)
    if _symmetrical(order):
        text = f"{order.get('id')} lacks symmetrical=false: PAF's demote waits for HAProxy"
        return wrong(name, text, anew)
    if _kind(order) != "Mandatory":
        return note(name, f"{order.get('id')} has kind {_kind(order)}, not Mandatory", anew)
    return fine(name, "PostgreSQL first, then HAProxy")


def _demote(cib: Cib, ours: Resource, paf: Resource, pooler: bool) -> Check:
    name = "demote order"
    first, second = (ours, paf) if pooler else (paf, ours)
    found, reverse = _orders(cib, first, second, "demote"), _orders(cib, second, first, "demote")
    add = (
        f"constraint order demote {first.clone} then demote {second.clone} kind=Optional"
        " symmetrical=false"
    )
    if reverse:
        text = f"{reverse[0].get('id')} has the wrong direction: parameter pooler is " + (
            "set, and PAF does not wait for open transactions" if pooler else "not set"
        )
        return wrong(name, text, SCRIPT)
    if not found:
        if pooler:
            text = "PAF does not wait for PgBouncer: open transactions end with an error"
            return wrong(name, text, SCRIPT)
        return note(name, "HAProxy's demote may take CPU from PAF's", SCRIPT)
    order = found[0]
    if _symmetrical(order) or _kind(order) != "Optional":
        text = f"{order.get('id')} must have kind=Optional symmetrical=false"
        return wrong(name, text, pcs(f"constraint remove {order.get('id')}", add))
    return fine(name, "HAProxy first, then PostgreSQL" if pooler else "PostgreSQL first")


def _orders(cib: Cib, first: Resource, second: Resource, action: str) -> list[Element]:
    """Returns the constraints by which an action of one resource comes before that of another."""
    return [
        each
        for each in cib.constraints("rsc_order")
        if first.named(each.get("first", ""))
        and second.named(each.get("then", ""))
        and each.get("first-action", "start") == action
        and each.get("then-action", each.get("first-action", "start")) == action
    ]


def _kind(order: Element) -> str:
    """Returns the kind of an order; one without a kind is as its score was before Pacemaker 1.1."""
    return order.get("kind") or ("Optional" if order.get("score") == "0" else "Mandatory")


def _symmetrical(order: Element) -> bool:
    """Returns whether the opposite actions have the opposite order."""
    return true(order.get("symmetrical", "false" if _kind(order) == "Serialize" else "true"))


def _role(constraint: Element, name: str) -> str:
    role = constraint.get(name, "")
    return ROLES.get(role, role) if role else ""


def _sets(constraints: list[Element], ours: Resource) -> bool:
    """Returns whether a constraint names our resource in a resource set."""
    return any(
        ours.named(reference.get("id", ""))
        for each in constraints
        for reference in each.iter("resource_ref")
    )
