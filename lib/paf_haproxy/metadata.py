"""The agent's metadata (OCF Resource Agent API 1.1, "Metadata")."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from . import __version__
from .params import PARAMETERS

LONG = """\
Runs HAProxy on every node of a PostgreSQL cluster that PAF (ocf:heartbeat:pgsqlms) manages, and
keeps it in step with PAF: pool prod leads to the primary, pool stdby to the standbys, through any
node and without a virtual IP. Use it as a promotable clone with notify=true, its promoted role
colocated with PAF's (influence=false), and promoted after it (symmetrical=false)."""

# name, timeout in s, role and interval in s of a recurring action.
ACTIONS: tuple[tuple[str, int, str, int], ...] = (
    ("start", 30, "", 0),
    ("stop", 30, "", 0),
    ("reload", 30, "", 0),
    ("reload-agent", 30, "", 0),
    ("promote", 30, "", 0),
    ("demote", 30, "", 0),
    ("monitor", 20, "Promoted", 4),
    ("monitor", 20, "Unpromoted", 5),
    ("notify", 10, "", 0),
    ("meta-data", 5, "", 0),
    ("validate-all", 20, "", 0),
)


FIXED = ("statedir",)
"""A HAProxy that runs is found there."""


def _reloadable(name: str) -> str:
    return "" if name in FIXED else ' reloadable="1"'


def metadata() -> str:
    """Returns the XML document."""
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">',
        f'<resource-agent name="haproxy" version="{__version__}">',
        "<version>1.1</version>",
        f'<longdesc lang="en">\n{escape(LONG)}\n</longdesc>',
        '<shortdesc lang="en">HAProxy in step with PAF: PostgreSQL without a VIP</shortdesc>',
        "<parameters>",
    ]
    for parameter in PARAMETERS:
        text = escape(parameter.text)
        default = f" default={quoteattr(parameter.default)}" if parameter.default else ""
        lines += [
            f'<parameter name="{parameter.name}" required="0"{_reloadable(parameter.name)}>',
            f'<longdesc lang="en">{text}.</longdesc>',
            f'<shortdesc lang="en">{text.partition(";")[0].partition(". ")[0]}</shortdesc>',
            f'<content type="{parameter.kind}"{default}/>',
            "</parameter>",
        ]
    lines += ["</parameters>", "<actions>"]
    for name, timeout, role, interval in ACTIONS:
        recurring = f' interval="{interval}s" role="{role}"' if role else ""
        lines.append(f'<action name="{name}" timeout="{timeout}s"{recurring}/>')
    lines += ["</actions>", "</resource-agent>"]
    return "\n".join(lines) + "\n"
