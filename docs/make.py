#!/usr/bin/python3
"""make.py parameters | man: the agent's parameters as docs/parameters.md, or as its man page.

Both are made from what the agent itself reads (lib/paf_haproxy), so that they cannot be wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2

DOCS = Path(__file__).resolve().parent
TEMPLATES = {"parameters": "parameters.md.j2", "man": "ocf_paf_haproxy.7.j2"}
sys.path.insert(0, str(DOCS.parent / "lib"))

from paf_haproxy import __version__, metadata, params, values  # noqa: E402


def troff(text: str) -> str:
    """Escapes what troff would take for its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def render(what: str) -> str:
    """Returns one of the documents."""
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader(DOCS / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["troff"] = troff
    return environment.get_template(TEMPLATES[what]).render(
        version=__version__,
        long=metadata.LONG,
        parameters=params.PARAMETERS,
        actions=metadata.ACTIONS,
        fixed=metadata.FIXED,
        longest=values.LONGEST,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TEMPLATES:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TEMPLATES)}")
    sys.stdout.write(render(sys.argv[1]))
