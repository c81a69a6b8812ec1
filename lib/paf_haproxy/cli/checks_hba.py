"""Whether pg_hba.conf lets HAProxy's role in by peer authentication. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .outcome import fine, note, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..params import Params
    from .readiness import Check

FILE = "pg_hba.conf"


def hba_checks(
    params: Params,
    role: Mapping[str, Any] | None,
    rules: Sequence[Mapping[str, Any]],
    reload: str,
) -> Iterator[Check]:
    """Yields what is wrong with the file. role: as postgres_facts.QUESTION tells it. rules: those
    of the view pg_hba_file_rules, which shows the file as it is on disk, in its order. reload: the
    command that has PostgreSQL load the file.
    """
    faulty = [f"line {each['line']}: {each['error']}" for each in rules if each["error"]]
    if faulty:
        text = f"{'; '.join(faulty)}: PostgreSQL does not load the file"
        do = f"correct it, then {reload}"
        yield wrong(FILE, text, do)
    groups = role["groups"] or [] if role else []
    rule = first(rules, params.pguser, params.pgdatabase, groups)
    line = f"local {params.pgdatabase} {params.pguser} peer"
    do = f"first in {FILE}: {line}; then {reload}"
    if rule is None:
        yield wrong("peer", f"no line of {FILE} is for {params.pguser} on the Unix socket", do)
    elif rule["method"] != "peer":
        text = f"line {rule['line']} of {FILE} comes first for {params.pguser}: {rule['method']}"
        yield wrong("peer", text, do)
    elif mapped := [each for each in rule["options"] or [] if each.startswith("map=")]:
        text = f"line {rule['line']} of {FILE} uses {mapped[0]}: pg_ident.conf decides"
        yield note("peer", text)
    elif params.user != params.pguser:
        text = f"line {rule['line']} of {FILE} lets in OS user {params.pguser}, not {params.user}"
        do = f"in that line: peer map=haproxy; in pg_ident.conf: haproxy {params.user}"
        yield wrong("peer", text, f"{do} {params.pguser}")
    else:
        yield fine("peer", f"line {rule['line']} of {FILE} lets {params.pguser} in")


def first(
    rules: Sequence[Mapping[str, Any]], user: str, database: str, groups: Sequence[str]
) -> Mapping[str, Any] | None:
    """Returns the first rule for a login over the Unix socket. groups: the roles of which the user
    is a member, itself too.
    """
    for rule in rules:
        if rule["error"] or rule["type"] != "local":
            continue
        if any(_database(each, database, user, groups) for each in rule["database"] or ()) and any(
            _user(each, user, groups) for each in rule["user"] or ()
        ):
            return rule
    return None


def _database(word: str, database: str, user: str, groups: Sequence[str]) -> bool:
    if word.startswith("/"):
        return _pattern(word, database)
    if word == "sameuser":
        return database == user
    if word in ("samerole", "samegroup"):
        return database in groups
    return word in ("all", database) and word != "replication"


def _user(word: str, user: str, groups: Sequence[str]) -> bool:
    if word.startswith("/"):
        return _pattern(word, user)
    if word.startswith("+"):
        return word[1:] in groups
    return word in ("all", user)


def _pattern(word: str, name: str) -> bool:
    """Returns whether a regular expression of the file matches (PostgreSQL 16 and later)."""
    try:
        return re.search(word[1:], name) is not None
    except re.error:
        return False
