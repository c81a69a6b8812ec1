"""Pacemaker's configuration (the CIB), as far as `paf-haproxy check` judges it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TRUE = ("true", "yes", "on", "y", "1")
ROLES = {"Master": "Promoted", "Slave": "Unpromoted", "Started": "Unpromoted", "": "Unpromoted"}
"""An operation without a role is for the unpromoted instances (Pacemaker Explained, "Resource
Operations"). A CIB may still have Master and Slave, the names of Pacemaker 2.0.
"""
DEFAULT_TIMEOUT = 20.0
"""s for an operation whose timeout nothing sets (Pacemaker Explained, "Operation Properties")."""
UNITS = {
    "": 1.0,
    **dict.fromkeys(("us", "usec"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("s", "sec"), 1.0),
    **dict.fromkeys(("m", "min"), 60.0),
    **dict.fromkeys(("h", "hr"), 3600.0),
}
ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


@dataclass(frozen=True)
class Operation:
    """An operation of a resource. interval, timeout: in s; None if the text is not understood."""

    id: str
    name: str
    role: str
    interval: float | None
    timeout: float | None


@dataclass(frozen=True)
class Resource:
    """A resource in a clone. meta: of an instance; those of the clone and the defaults are in it.
    clone_meta: of the clone, with the defaults.
    """

    name: str
    clone: str
    promotable: bool
    meta: Mapping[str, str]
    clone_meta: Mapping[str, str]
    parameters: Mapping[str, str]
    operations: tuple[Operation, ...]

    def named(self, *names: str) -> bool:
        """Returns whether one of the names is that of the resource or of its clone."""
        return any(name and name in (self.name, self.clone) for name in names)

    def every(self, name: str, role: str = "") -> list[Operation]:
        """Returns its operations of a name, and of a role if one is given."""
        return [each for each in self.operations if each.name == name and role in ("", each.role)]


class Cib:
    """One answer of `cibadmin --query`. Raises ElementTree.ParseError if it is no XML."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)  # noqa: S314 - Pacemaker's own
        self.properties = _pairs(self.root.iterfind("configuration/crm_config/*"))
        """The options of the cluster, e.g. 'stonith-enabled'."""

    def resource(self, name: str) -> Resource | None:
        """Returns the resource of this name, or the one in the clone of this name."""
        for clone in (*self.root.iter("clone"), *self.root.iter("master")):
            for primitive in clone.iter("primitive"):
                if name in (clone.get("id"), primitive.get("id")):
                    return self._resource(primitive, clone)
        for primitive in self.root.iter("primitive"):
            if primitive.get("id") == name:
                return self._resource(primitive, None)
        return None

    def constraints(self, kind: str) -> list[ElementTree.Element]:
        """Returns the constraints of a kind, e.g. 'rsc_order'."""
        return list(self.root.iterfind(f"configuration/constraints//{kind}"))

    def fencing(self) -> list[str]:
        """Returns the names of the stonith resources that are not stopped for good."""
        return [
            str(each.get("id"))
            for each in self.root.iter("primitive")
            if each.get("class") == "stonith"
            and _pairs(each.iterfind("meta_attributes")).get("target-role") != "Stopped"
        ]

    def nodes(self) -> tuple[str, ...]:
        """Returns the names of the full nodes, sorted."""
        found = self.root.iterfind("configuration/nodes/node")
        return tuple(sorted(str(n.get("uname")) for n in found if n.get("type") != "remote"))

    def _resource(
        self, primitive: ElementTree.Element, clone: ElementTree.Element | None
    ) -> Resource:
        template = self.root.find(f".//template[@id='{primitive.get('template', '')}']")
        own = [primitive] if template is None else [primitive, template]
        defaults = _pairs(self.root.iterfind("configuration/rsc_defaults/meta_attributes"))
        of_clone = {} if clone is None else _pairs(clone.iterfind("meta_attributes"))
        meta = _pairs(part for each in own for part in each.iterfind("meta_attributes"))
        clone_meta = {**defaults, **of_clone}
        return Resource(
            name=str(primitive.get("id")),
            clone="" if clone is None else str(clone.get("id")),
            promotable=clone is not None
            and (clone.tag == "master" or true(clone_meta.get("promotable", ""))),
            meta={**clone_meta, **meta},
            clone_meta=clone_meta,
            parameters=_pairs(
                part for each in own for part in each.iterfind("instance_attributes")
            ),
            operations=tuple(self._operations(own)),
        )

    def _operations(self, own: list[ElementTree.Element]) -> Iterable[Operation]:
        defaults = _pairs(self.root.iterfind("configuration/op_defaults/meta_attributes"))
        for each in own:
            for op in each.iterfind("operations/op"):
                given = {**defaults, **_pairs(op.iterfind("meta_attributes")), **op.attrib}
                if not true(given.get("enabled", "true")):
                    continue
                role = given.get("role", "")
                timeout = given.get("timeout", "")
                yield Operation(
                    id=given.get("id", ""),
                    name=given.get("name", ""),
                    role=ROLES.get(role, role),
                    interval=seconds(given.get("interval", "0")),
                    timeout=seconds(timeout) if timeout else DEFAULT_TIMEOUT,
                )


def default_timeout(cib: Cib) -> float | None:
    """Returns the timeout, in s, of an operation that the CIB does not name."""
    defaults = _pairs(cib.root.iterfind("configuration/op_defaults/meta_attributes"))
    return seconds(defaults["timeout"]) if defaults.get("timeout") else DEFAULT_TIMEOUT


def true(text: str) -> bool:
    """Returns whether Pacemaker takes a text for true."""
    return text.lower() in TRUE


def seconds(text: str) -> float | None:
    """Returns an interval or timeout as Pacemaker writes it ('4s', '10000ms', 'PT1M') in s, or None
    if it is none.
    """
    digits = re.match(r"\s*(\d+)\s*([a-z]*)\s*$", text)
    if digits and digits[2] in UNITS:
        return int(digits[1]) * UNITS[digits[2]]
    iso = ISO.fullmatch(text)
    if iso and any(iso.groups()):
        days, hours, minutes, rest = (int(each or 0) for each in iso.groups())
        return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    return None


def _pairs(parts: Iterable[ElementTree.Element]) -> dict[str, str]:
    """Returns name and value of each nvpair. If a name is repeated, the first one counts."""
    found: dict[str, str] = {}
    for part in parts:
        for each in part.iterfind("nvpair"):
            found.setdefault(each.get("name", ""), each.get("value", ""))
    return found
