"""Whether the answers to questions for the role were true when they were given. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .audits import Evidence, Finding
from .records import PRIMARY

GRACE = 0.5
"""s for which HAProxy may tell the role of before: it asks PostgreSQL again and again."""
CLAIMS = ("production", "200")
"""What port 5431 says of a primary, and the status of /primary on port 8008."""


@dataclass(frozen=True)
class Answer:
    """The same answers of a node to questions that were asked within 0.1 s. began, ended: s of the
    epoch, of the first question and of the last answer.
    """

    node: str
    port: int
    text: str
    began: float
    ended: float
    number: int

    @property
    def claims(self) -> bool:
        """Whether it says that the node is the primary."""
        return self.text in CLAIMS


def read(row: Sequence[object], names: Mapping[str, str]) -> Answer:
    """Reads a row as paf_lab/clients/flood.py tells it. names: address -> node. Raises KeyError for
    an address that no node has.
    """
    address, port, text, began, ended, number = row
    moments = float(str(began)), float(str(ended))
    return Answer(names[str(address)], int(str(port)), str(text), *moments, int(str(number)))


def true_roles(evidence: Evidence, answers: Sequence[Answer]) -> Finding:
    """No node called itself the primary when it was none; one that shuts down is the primary until
    there is another. While nothing happened, the primary called itself nothing else.
    """
    total = sum(each.number for each in answers)
    bad = [each for each in answers if not _true(evidence, each)]
    wrong = sum(each.number for each in bad)
    shown = ", ".join(
        f"{each.node}:{each.port} {each.text} at {each.began - evidence.started:+.1f} s"
        for each in bad[:3]
    )
    name = "flood, answers that were not true"
    return Finding(name, not wrong and total > 0, f"{wrong} of {total}", "0", shown)


def _true(evidence: Evidence, answer: Answer) -> bool:
    since, until = answer.began - GRACE, answer.ended
    led = list(_led(evidence, answer.node))
    if answer.claims:
        return any(begin <= until and end >= since for begin, end in led)
    at_rest = until < evidence.started or since > evidence.settled
    return not (at_rest and any(begin <= since and until <= end for begin, end in led))


def _led(evidence: Evidence, node: str) -> Iterator[tuple[float, float]]:
    """Yields since when until when the node was the primary: a primary that shuts down is still one
    until another is. Between two looks of its observer it may have been one already.
    """
    seen = evidence.seen.roles
    for each in seen:
        if (each.node, each.role) == (node, PRIMARY):
            others = [
                other.at
                for other in seen
                if other.node != node and other.role == PRIMARY and other.at > each.at
            ]
            yield each.before or each.at, min(others, default=float("inf"))
