"""Connection strings of libpq, as primary_conninfo has them. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

PAIR = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))\s*")
ESCAPE = re.compile(r"\\(.)")


def parse(text: str) -> dict[str, str]:
    """Returns the words of a connection string. Raises ValueError if it is not understood.

    See PostgreSQL's documentation, "Connection Strings".
    """
    if text.startswith(("postgresql://", "postgres://")):
        return _uri(text)
    found = {}
    position = 0
    while position < len(text.rstrip()):
        pair = PAIR.match(text, position)
        if not pair:
            raise ValueError("it is no list of name=value")
        value = pair[3] if pair[2] is None else pair[2]
        found[pair[1]] = ESCAPE.sub(r"\1", value)
        position = pair.end()
    return found


def _uri(text: str) -> dict[str, str]:
    parts = urlsplit(text)
    hosts = parts.netloc.rpartition("@")[2]
    if "," in hosts:
        raise ValueError("it names several hosts")
    found = {
        "host": unquote(parts.hostname or ""),
        "port": str(parts.port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": parts.path.lstrip("/"),
        **dict(parse_qsl(parts.query)),
    }
    return {name: value for name, value in found.items() if value}


def write(words: dict[str, str]) -> str:
    """Returns a connection string of these words, as `parse` reads it."""
    return " ".join(f"{name}={_word(value)}" for name, value in words.items())


def _word(value: str) -> str:
    if value and not re.search(r"[\s'\\]", value):
        return value
    escaped = re.sub(r"(['\\])", r"\\\1", value)
    return f"'{escaped}'"
