"""The resources and constraints that pcs, crmsh or an Ansible role is told, to compare them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

Options = dict[str, str]
Operation = tuple[str, str, str, str]
"""Name, role, interval, timeout."""
Constraint = frozenset[tuple[str, str]]


@dataclass
class Primitive:
    agent: str
    params: Options = field(default_factory=dict)
    operations: set[Operation] = field(default_factory=set)
    meta: Options = field(default_factory=dict)


@dataclass
class Resources:
    """clones: the meta attributes of each clone, by its id."""

    primitives: dict[str, Primitive] = field(default_factory=dict)
    clones: dict[str, Options] = field(default_factory=dict)
    colocations: set[Constraint] = field(default_factory=set)
    orders: set[Constraint] = field(default_factory=set)
    properties: Options = field(default_factory=dict)

    def meta(self, name: str) -> Options:
        """Returns the meta attributes of a clone or a primitive, to be changed."""
        return self.primitives[name].meta if name in self.primitives else self.clones[name]


def pairs(words: Iterable[str]) -> Options:
    return dict(word.split("=", 1) for word in words)


def operation(name: str, options: Mapping[str, str]) -> Operation:
    """Returns an operation. Without an interval it is not repeated."""
    interval = options.get("interval", "0").removesuffix("s")
    return name, options.get("role", ""), interval, options.get("timeout", "").removesuffix("s")


def order(first: tuple[str, str], then: tuple[str, str], options: Mapping[str, str]) -> Constraint:
    """first, then: an action and a resource."""
    return frozenset({
        ("first", " ".join(first)),
        ("then", " ".join(then)),
        ("kind", options.get("kind", "Mandatory")),
        ("symmetrical", options.get("symmetrical", "true")),
    })  # fmt: skip


def colocation(
    what: tuple[str, str], where: tuple[str, str], score: str, influence: str
) -> Constraint:
    """what, where: a role and a resource."""
    return frozenset({
        ("what", " ".join(what)),
        ("with", " ".join(where)),
        ("score", score),
        ("influence", influence),
    })  # fmt: skip


def sections(words: list[str], keywords: Iterable[str]) -> list[list[str]]:
    """Splits words before each of the keywords; the first word begins a section, too."""
    found: list[list[str]] = []
    for word in words:
        if word in keywords or not found:
            found.append([])
        found[-1].append(word)
    return found


def primitive(agent: str, rest: list[str], keywords: Iterable[str]) -> Primitive:
    made = Primitive(agent)
    for keyword, *words in sections(rest, keywords):
        if keyword == "op":
            made.operations.add(operation(words[0], pairs(words[1:])))
        elif keyword == "meta":
            made.meta = pairs(words)
        else:
            made.params = pairs(words)
    return made


def from_pcs(calls: Iterable[list[str]]) -> Resources:
    """Returns what calls of pcs create. A call of another kind fails."""
    made = Resources()
    for words in calls:
        what = " ".join(words[:2])
        if what in ("resource create", "stonith create"):
            _, _, name, agent, *rest = words
            if rest[-1] == "promotable":
                rest.pop()
                made.clones[f"{name}-clone"] = {"promotable": "true"}
            agent = agent if ":" in agent else f"stonith:{agent}"
            made.primitives[name] = primitive(agent, ["params", *rest], ("op", "meta"))
        elif what == "resource meta":
            made.meta(words[2]).update(pairs(words[3:]))
        elif what == "property set":
            made.properties.update(pairs(words[2:]))
        elif what == "constraint order":
            _, _, action, first, _, then_action, then, *options = words
            made.orders.add(order((action, first), (then_action, then), pairs(options)))
        elif words[:3] == ["constraint", "colocation", "add"]:
            role, name, _, with_role, other, score, *options = words[3:]
            influence = pairs(options).get("influence", "true")
            made.colocations.add(colocation((role, name), (with_role, other), score, influence))
        else:
            raise AssertionError(f"pcs {' '.join(words)}")
    return made


def from_crm(text: str) -> Resources:
    """Returns what a file for `crm configure load` creates. A line of another kind fails."""
    made = Resources()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in filter(None, map(str.strip, "\n".join(lines).replace("\\\n", " ").splitlines())):
        if line.startswith("xml "):
            made.colocations.add(_colocation_xml(line.removeprefix("xml ")))
            continue
        what, name, *words = shlex.split(line)
        if what == "primitive":
            made.primitives[name] = primitive(words[0], words[1:], ("op", "meta", "params"))
        elif what == "clone":
            assert name == f"{words[0]}-clone"
            made.clones[name] = pairs(words[2:])
        elif what == "order":
            kind, first, then, *options = words
            more = {"kind": kind.rstrip(":"), **pairs(options)}
            made.orders.add(order(_action(first), _action(then), more))
        elif what == "property":
            made.properties.update(pairs([name, *words]))
        else:
            raise AssertionError(line)
    return made


def _action(text: str) -> tuple[str, str]:
    """Returns action and resource of 'resource:action'."""
    name, _, action = text.partition(":")
    return action, name


def _colocation_xml(text: str) -> Constraint:
    found = ElementTree.fromstring(text)
    assert found.tag == "rsc_colocation"
    names = (("rsc-role", "rsc"), ("with-rsc-role", "with-rsc"))
    (role, name), (with_role, other) = ((found.attrib[a], found.attrib[b]) for a, b in names)
    influence = found.get("influence", "true")
    return colocation((role, name), (with_role, other), found.attrib["score"], influence)


def from_ansible(variables: Mapping[str, Any]) -> Resources:
    """Returns what variables of linux-system-roles/ha_cluster create."""
    made = Resources(properties=_attributes(variables["ha_cluster_cluster_properties"]))
    for each in variables["ha_cluster_resource_primitives"]:
        made.primitives[each["id"]] = Primitive(
            each["agent"],
            _attributes(each.get("instance_attrs", [])),
            {operation(op["action"], _options(op["attrs"])) for op in each["operations"]},
            _attributes(each.get("meta_attrs", [])),
        )
    for each in variables["ha_cluster_resource_clones"]:
        promotable = {"promotable": "true"} if each["promotable"] else {}
        made.clones[f"{each['resource_id']}-clone"] = promotable | _attributes(each["meta_attrs"])
    for each in variables["ha_cluster_constraints_colocation"]:
        what, where = each["resource_follower"], each["resource_leader"]
        options = _options(each["options"])
        made.colocations.add(
            colocation(
                (what["role"], what["id"]),
                (where["role"], where["id"]),
                options["score"],
                options.get("influence", "true"),
            )
        )
    for each in variables["ha_cluster_constraints_order"]:
        first, then = each["resource_first"], each["resource_then"]
        actions = (first["action"], first["id"]), (then["action"], then["id"])
        made.orders.add(order(*actions, _options(each["options"])))
    return made


def _attributes(sets: list[dict[str, Any]]) -> Options:
    """Returns the attributes of the first set: the role uses no other."""
    return _options(sets[0]["attrs"]) if sets else {}


def _options(listed: list[dict[str, str]]) -> Options:
    return {each["name"]: each["value"] for each in listed}
