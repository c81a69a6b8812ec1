"""One check of an installation: its outcome, its words, and what to type. Pure."""

from __future__ import annotations

import re
import shlex
import textwrap
from typing import TYPE_CHECKING

from .output import WIDTH
from .readiness import FINE, NOTE, Check

if TYPE_CHECKING:
    from ..params import Params

WRONG = "wrong"
UNKNOWN = "not known: "
RELOAD = "SELECT pg_reload_conf()"
SCRIPTS = "/usr/share/paf-haproxy/pcs-scripts"


class Missing:
    """A fact that cannot be had. why: in words."""

    def __init__(self, why: str) -> None:
        self.why = why


def fine(name: str, text: str) -> Check:
    return Check(name, FINE, text)


def note(name: str, text: str, do: str = "") -> Check:
    return Check(name, NOTE, text, do)


def wrong(name: str, text: str, do: str) -> Check:
    return Check(name, WRONG, text, do)


def unknown(name: str, why: str) -> Check:
    """Returns a check whose fact is missing. It does not fail."""
    return Check(name, NOTE, f"{UNKNOWN}{why}")


def anything_wrong(checks: list[Check]) -> bool:
    return any(check.outcome == WRONG for check in checks)


def lines(check: Check) -> str:
    """Returns the lines that show a check. What to type stands on one line, however long it is: it
    can be copied.
    """
    mark = "WRONG" if check.outcome == WRONG else check.outcome
    start = f"  {mark:7}{check.name:15}"
    text = textwrap.fill(
        f"{start}{check.text}", WIDTH, subsequent_indent=" " * len(start), break_on_hyphens=False
    )
    return f"{text}\n{'':9}do: {check.do}\n" if check.do else f"{text}\n"


def sql(params: Params, *statements: str) -> str:
    """Returns the command that runs statements as PostgreSQL's superuser."""
    words = [f"runuser -u {params.system_user} -- psql -h {params.pghost} -p {params.pgport}"]
    return " ".join([*words, *(f"-c {quoted(each)}" for each in statements)])


def alter(params: Params, name: str, value: str) -> str:
    """Returns the command that changes a setting of PostgreSQL. value: as SQL writes it."""
    return sql(params, f"ALTER SYSTEM SET {name} = {value}", RELOAD)


def quoted(text: str) -> str:
    """Returns a word of a shell command. Within double quotes if the text has single ones."""
    if "'" in text and not re.search(r'["$`\\!]', text):
        return f'"{text}"'
    return shlex.quote(text)


def identifier(name: str) -> str:
    """Returns a name as SQL writes it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else f'"{name}"'


def pcs(*commands: str) -> str:
    """Returns the commands that change the CIB with pcs, and push only the difference
    (docs/traps/pcs.md).
    """
    on_copy = (f"pcs -f ha {command}" for command in commands)
    push = "pcs cluster cib-push ha diff-against=ha.before"
    return " && ".join(["pcs cluster cib ha", "cp ha ha.before", *on_copy, push])
