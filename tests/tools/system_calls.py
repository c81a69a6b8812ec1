"""What programs touch, from the output of `strace -f -yy -e trace=file,network,process`: files that
they write, Unix sockets, ports, and programs that they start.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

WRITES = re.compile(r"O_(?:WRONLY|RDWR|CREAT)")
CHANGES = re.compile(r"(?:rename|link|mkdir|unlink|chmod|fchmod|chown|fchown)\w*$")
FORKS = ("clone", "clone3", "fork", "vfork")
CALL = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
UNIX = re.compile(r'sun_path="([^"]+)"')


class Access(NamedTuple):
    """what: read, write, bind, connect or run. to: a path, or 'tcp 5432'."""

    program: str
    what: str
    to: str


class Call(NamedTuple):
    """result: '' if the call was still under way at the end."""

    name: str
    words: str
    result: str


def accesses(trace: str, first: str) -> set[Access]:
    """Returns what succeeded. first: the program that strace started."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for pid, call in _calls(trace):
        calls[pid].append(call)
    found: set[Access] = set()
    begun = [(next(iter(calls)), first)]
    while begun:
        pid, program = begun.pop()
        for call in calls[pid]:
            if call.name in FORKS:
                # A child may write its first lines before the parent writes the child's pid.
                begun.append((call.result.split()[0].partition("<")[0], program))
            elif call.name == "execve" and (path := TEXT.search(call.words)):
                found.add(Access(program, "run", path[1]))
                program = path[1]
            else:
                found |= {Access(program, what, to) for what, to in _touched(call)}
    return found


def _touched(call: Call) -> Iterator[tuple[str, str]]:
    paths = [path for path in TEXT.findall(call.words) if path.startswith("/")]
    if call.name in ("open", "openat", "creat") and paths:
        yield ("write" if WRITES.search(call.words) else "read"), paths[0]
    elif CHANGES.match(call.name):
        for path in paths:
            yield "write", path
    elif call.name in ("bind", "connect"):
        if port := PORT.search(call.words):
            yield call.name, f"{'tcp' if '<TCP' in call.words else 'udp'} {port[1]}"
        elif path := UNIX.search(call.words):
            yield call.name, path[1]


def _calls(trace: str) -> Iterator[tuple[str, Call]]:
    """Yields pid and call for each call that succeeded, or that connects without waiting."""
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        match = CALL.match(line)
        if not match:
            continue
        pid, resumed, name, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest
            continue
        words, _, result = (begun.pop(pid, "") + rest).rpartition(" = ")
        if not result.startswith("-1") or "EINPROGRESS" in result:
            yield pid, Call(resumed or name, words, result)
