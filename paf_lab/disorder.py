"""How the power switch can be out of order: drills tell it, and the daemon looks at each order."""

from __future__ import annotations

from datetime import datetime

from .layout import RUN

REFUSAL = RUN / "power-refuses"
DELAY = RUN / "power-delays"
"""It holds the s by which each `off` and `reboot` is late."""
PRETENCE = RUN / "power-pretends"
PRETENDED = "(pretended)"
"""What the daemon logs behind an answer to an order that it has not carried out."""


def refuse(whether: bool) -> None:
    """Lets every order to the switch fail, or not."""
    if whether:
        REFUSAL.touch()
    else:
        REFUSAL.unlink(missing_ok=True)


def refuses() -> bool:
    """Returns whether orders fail now."""
    return REFUSAL.exists()


def delay(seconds: float) -> None:
    """Lets each `off` and `reboot` be carried out so many s late; 0: at once."""
    if seconds:
        DELAY.write_text(f"{seconds:g}")
    else:
        DELAY.unlink(missing_ok=True)


def lateness() -> float:
    """Returns by how many s an order is late. The drill may have taken the delay back meanwhile."""
    try:
        return float(DELAY.read_text())
    except (FileNotFoundError, ValueError):  # or is writing it
        return 0.0


def pretend(whether: bool) -> None:
    """Lets the switch answer every order as if it was carried out, and do nothing; or not."""
    if whether:
        PRETENCE.touch()
    else:
        PRETENCE.unlink(missing_ok=True)


def pretends() -> bool:
    """Returns whether orders do nothing now."""
    return PRETENCE.exists()


def durations(log: str, since: float) -> list[tuple[str, float]]:
    """Returns the nodes that the daemon's log names as switched off on Pacemaker's order since then
    (s of the epoch), each with the s between the order and the answer. Pure.
    """
    found, ordered = [], {}
    for line in log.splitlines():
        moment, _, text = line.partition(" ")
        at = datetime.fromisoformat(moment).timestamp()
        order, answered, answer = text.partition(": ")
        if not order.startswith(("off ", "reboot ")) or at < since:
            continue
        if not answered:
            ordered[order] = at
        elif order in ordered and answer in ("off", "on"):
            found.append((order.split()[1], at - ordered.pop(order)))
    return found
