"""How the value of a parameter is read: each reader takes a text and returns what it means.

A value is accepted by what it may consist of, never by what it may not: nothing that HAProxy's
configuration, its runtime socket or a shell could take for more than a word gets past here.
"""

from __future__ import annotations

from .routing import HOLD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_WORD = frozenset(_LETTERS + _DIGITS + "_-.")
_PATH = _WORD | frozenset("/@+,")
_ADDRESS = frozenset(_LETTERS + _DIGITS + "-.:")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "": 1000}
_SIZES = {"": 1, "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
LONGEST = 24 * _UNITS["d"]  # HAProxy keeps times in 31 bits of milliseconds


class Refused(ValueError):
    """A value that a reader does not take; says what it should have been."""


def word(text: str) -> str:
    if not text or not _WORD.issuperset(text) or text.startswith("-"):
        raise Refused("expected letters, digits, '_', '-' and '.'")
    return text


def path(text: str) -> str:
    if not text.startswith("/") or not _PATH.issuperset(text) or ".." in text.split("/"):
        raise Refused("expected an absolute path of letters, digits and _-.@+,/")
    return text.rstrip("/") or "/"


def optional_path(text: str) -> str:
    return path(text) if text else ""


def log_target(text: str) -> str:
    return path(text) if text.startswith("/") else address(text)


def port(text: str) -> int:
    return number(1, 65535)(text)


def number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 12 and least <= int(text) <= most:
            return int(text)
        raise Refused(f"expected a number from {least} to {most}")

    return read


def duration(least: int, most: int = LONGEST) -> Callable[[str], int]:
    """Returns a reader of times such as 50ms, 30s, 30 (seconds) or 2h, in milliseconds."""

    def read(text: str) -> int:
        digits = text.rstrip(_LETTERS)
        unit = _UNITS.get(text[len(digits) :])
        if unit and digits.isascii() and digits.isdecimal() and len(digits) < 12:
            value = int(digits) * unit
            if least <= value <= most:
                return value
        raise Refused(f"expected a time from {least}ms to {most}ms, such as 50ms, 30s or 2h")

    return read


def keepalive(text: str) -> int:
    """Reads a time of 8 s to 1 h, in milliseconds, or 0. The kernel counts in whole seconds, and an
    eighth of it is the time between two probes.
    """
    value = duration(0, 3_600_000)(text)
    if 0 < value < 8000:
        raise Refused("expected 0, or a time from 8s to 1h, such as 40s")
    return value


def size(text: str) -> int:
    """Reads a size as PostgreSQL writes it, such as 16MB or 512kB or 1024, in bytes."""
    digits = text.rstrip(_LETTERS)
    unit = _SIZES.get(text[len(digits) :])
    if unit and digits.isascii() and digits.isdecimal() and len(digits) < 12:
        return int(digits) * unit
    raise Refused("expected a size such as 16MB, 512kB or 1GB")


def fallback(text: str) -> str:
    if text not in ("none", "primary"):
        raise Refused("expected none or primary")
    return text


def balance(text: str) -> str:
    if text not in ("leastconn", "source"):
        raise Refused("expected leastconn or source")
    return text


def yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise Refused("expected yes or no")
    return text == "yes"


def address(text: str) -> str:
    if not text or not _ADDRESS.issuperset(text) or text.startswith("-"):
        raise Refused("expected a host name or an address")
    return text


def networks(text: str) -> tuple[str, ...]:
    """Reads '10.0.0.0/8 192.0.2.1 fd00::/8'; a network with host bits is a mistake."""
    import ipaddress

    if not (text.isprintable() or not text):
        raise Refused("expected networks in one line, as in: 10.0.0.0/8 fd00::/8")
    try:
        return tuple(str(ipaddress.ip_network(item)) for item in text.split())
    except ValueError as error:
        raise Refused(f"expected networks, as in: 10.0.0.0/8 fd00::/8; {error}") from error


def bind_address(text: str) -> str:
    return "" if text == "*" else address(text)


def node_name(text: str) -> str:
    if text == HOLD:
        raise Refused(f"'{HOLD}' is the name of a server of ours: no node can have it")
    return word(text)


def nodes(text: str) -> tuple[tuple[str, str], ...]:
    """Reads 'srv1 srv2=10.0.0.2' as (('srv1', 'srv1'), ('srv2', '10.0.0.2'))."""
    pairs = []
    if not (text.isprintable() or not text):
        raise Refused("expected node names in one line, as in: srv1 srv2=10.0.0.2")
    for item in text.split():
        name, separator, host = item.partition("=")
        pairs.append((node_name(name), address(host if separator else name)))
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused("a node is named twice")
    return tuple(pairs)
