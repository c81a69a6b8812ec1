"""The role file: the agent's memory of what Pacemaker said last.

Plain text, so that it can be read at 3 in the morning:

    version=2
    primary=srv1
    candidate=
    leaving=
    drained=
    instance=promoted
    notified=3
    repaired=0
    event=post-promote
    time=1795390052

It lives in a directory that only root can write to, is replaced atomically, and is believed only if
root wrote it. `monitor` starts from it; HAProxy is a projection of it.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from .ocf import AgentError
from .view import ClusterView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION = "2"
LARGEST = 4096


class Role:
    """view: who is primary. promoted: whether the local instance of the clone is the promoted one.
    event: what wrote the file last, e.g. 'post-promote'. drained: the nodes that a person took out
    of stdby. notified, repaired: how many notifications changed the view, and monitors had to mend
    HAProxy, since the start; for the metrics.
    """

    __slots__ = ("drained", "event", "notified", "promoted", "repaired", "view")

    def __init__(
        self,
        view: ClusterView,
        promoted: bool = False,
        event: str = "",
        drained: Iterable[str] = (),
        notified: int = 0,
        repaired: int = 0,
    ) -> None:
        self.view = view
        self.promoted = promoted
        self.event = event
        self.drained = frozenset(drained)
        self.notified = notified
        self.repaired = repaired

    def after(
        self,
        event: str,
        *,
        view: ClusterView | None = None,
        promoted: bool | None = None,
        drained: Iterable[str] | None = None,
        notified: int | None = None,
        repaired: int | None = None,
    ) -> Role:
        """Returns the role after an event that changed what is given."""
        return Role(
            self.view if view is None else view,
            self.promoted if promoted is None else promoted,
            event,
            self.drained if drained is None else drained,
            self.notified if notified is None else notified,
            self.repaired if repaired is None else repaired,
        )


def path(statedir: str) -> str:
    return statedir + "/role"


def save(statedir: str, role: Role) -> None:
    """Replaces the file. Raises AgentError if it cannot be written, or could not be read again.

    Where there is no room left, it is overwritten in place: a page that it has already is room
    enough, and to follow is better than to remember the wrong thing.
    """
    target = path(statedir)
    text = _text(role, str(int(time.time())))
    if not _sound(role) or len(text) > LARGEST:
        raise AgentError(f"the role file cannot hold these names of nodes: {role.view}")
    try:
        try:
            _replace(target, text.encode())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            _overwrite(target, text.encode())
    except OSError as error:
        raise AgentError(f"cannot write the role file {target}: {error.strerror}") from error


def forget(statedir: str) -> None:
    """Removes the file, if that is possible."""
    remove_note(path(statedir))


def _sound(role: Role) -> bool:
    """Returns whether every name can be written so that it is read again as it was."""
    view = role.view
    names = (view.primary or "", view.candidate or "", *view.leaving, *role.drained, role.event)
    return all(
        name.isascii() and name.isprintable() and not set(name) & {" ", ","} for name in names
    )


def _replace(target: str, text: bytes) -> None:
    new = f"{target}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        os.fchmod(fd, 0o644)  # whatever the umask
        _write(fd, text)
        os.replace(new, target)
    except OSError:
        os.unlink(new)
        raise
    finally:
        os.close(fd)


def _overwrite(target: str, text: bytes) -> None:
    """Not atomic: what is torn is no role file, and says so when it is read."""
    fd = os.open(target, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        _write(fd, text)
        os.ftruncate(fd, len(text))
    finally:
        os.close(fd)


def _write(fd: int, text: bytes) -> None:
    """Writes all of it at once; a disk that is nearly full may take a part."""
    if os.write(fd, text) != len(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def load(statedir: str) -> Role | None:
    """Returns the role, or None if there is no file. Raises AgentError if it cannot be believed."""
    target = path(statedir)
    try:
        fd = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AgentError(f"cannot read the role file {target}: {error.strerror}") from error
    try:
        status = os.fstat(fd)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if not ours or status.st_mode & 0o022:
            text = "is not a file that only root can write to: remove it"
            raise AgentError(f"the role file {target} {text}")
        text = os.read(fd, LARGEST).decode("utf-8", "replace")
    finally:
        os.close(fd)
    return _parse(target, text)


def read_note(path: str) -> str:
    """Returns the one line of a note beside the role file, or '' if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(LARGEST).rstrip("\n")
    except OSError:
        return ""


def remove_note(path: str) -> None:
    """Removes a note, if it is there and can be removed."""
    try:
        os.unlink(path)
    except OSError:
        pass


def write_note(path: str, line: str) -> None:
    """Replaces a note, whole or not at all. Raises OSError."""
    _replace(path, (line + "\n").encode("utf-8", "replace"))


def _text(role: Role, seconds: str) -> str:
    view = role.view
    return (
        f"version={VERSION}\n"
        f"primary={view.primary or ''}\n"
        f"candidate={view.candidate or ''}\n"
        f"leaving={','.join(sorted(view.leaving))}\n"
        f"drained={','.join(sorted(role.drained))}\n"
        f"instance={'promoted' if role.promoted else 'unpromoted'}\n"
        f"notified={role.notified}\n"
        f"repaired={role.repaired}\n"
        f"event={role.event}\n"
        f"time={seconds}\n"
    )


def _parse(target: str, text: str) -> Role:
    """Believes a text that would be written again just as it is; nothing cut off, nothing added."""
    lines = text.split("\n")
    fields = dict(line.split("=", 1) for line in lines if "=" in line)

    def names(key: str) -> Iterable[str]:
        return filter(None, fields.get(key, "").split(","))

    view = ClusterView(
        fields.get("primary") or None, fields.get("candidate") or None, names("leaving")
    )
    promoted = fields.get("instance") == "promoted"

    def count(key: str) -> int:
        text = fields.get(key, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0

    role = Role(
        view,
        promoted,
        fields.get("event", ""),
        names("drained"),
        count("notified"),
        count("repaired"),
    )
    seconds = fields.get("time", "")
    harmless = seconds.isdecimal() and all(line.isprintable() and " " not in line for line in lines)
    if not harmless or _text(role, seconds) != text:
        raise AgentError(f"the role file {target} is no role file of version {VERSION}")
    return role
