"""The last valid configuration, on disk. HAProxy starts with it after a restart or a reboot if the
configuration that Pacemaker asks for is rejected.

It is a copy of what HAProxy was started with: the configuration, the Lua files and the certificate
that it names, and the parameters that it was made from.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil

from . import configuration, copies, log, parameters_file, render, rolefile
from .copies import CERTIFICATE, LUA
from .ocf import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

CONFIGURATION = "haproxy.cfg"


def save(params: Params) -> None:
    """Keeps the configuration that HAProxy serves with. If the disk does not take it, the one
    before it stays, and the log says so.
    """
    target = configuration.kept_directory(params.keepdir, params.statedir)
    try:
        names = _names(params.statedir)
        if _equal(params.statedir, target, names):
            return
        _private(params.keepdir)
        new = f"{target}.{os.getpid()}"
        shutil.rmtree(new, ignore_errors=True)
        os.mkdir(new, 0o700)
        for name in names:
            _copy(f"{params.statedir}/{name}", f"{new}/{name}")
        _flush(new)  # the rename must not be on disk before the content
        _swap(new, target)
        _forget_interrupted(target)
    except OSError as error:
        log.warning(
            f"cannot keep the configuration in {target}: {error.strerror}; after a reboot HAProxy"
            " starts only if the parameters are valid"
        )


def restore(keepdir: str, statedir: str) -> Params | None:
    """Puts the last valid configuration into the state directory. Returns its parameters, or None
    if there is none. Raises AgentError if it cannot be put there.
    """
    source = configuration.kept_directory(keepdir, statedir)
    if not os.path.exists(f"{source}/{CONFIGURATION}"):
        source += ".old"  # a save was interrupted between two renames
    params = parameters_file.read(source)
    if params is None or not os.path.exists(f"{source}/{CONFIGURATION}"):
        return None
    params = params.copy()
    params.statedir = statedir
    copies.prepare(params)
    try:
        for name in sorted(os.listdir(source), key=lambda each: each == CONFIGURATION):
            _copy(f"{source}/{name}", f"{statedir}/{name}")
        # Without the note the monitor action tries the configuration of the parameters again.
        rolefile.remove_note(render.source_path(params))
    except OSError as error:
        text = f"cannot copy the last valid configuration from {source}: {error.strerror}"
        raise AgentError(text) from error
    return params


def _names(statedir: str) -> list[str]:
    """Returns the files and directories that make up the configuration in the state directory."""
    with open(f"{statedir}/{CONFIGURATION}", encoding="utf-8", errors="replace") as file:
        text = file.read()
    copies = [name for name in os.listdir(statedir) if name.startswith((LUA, CERTIFICATE))]
    return [
        *(name for name in sorted(copies) if f"{statedir}/{name}" in text),
        os.path.basename(parameters_file.path(statedir)),
        CONFIGURATION,
    ]


def _equal(one: str, other: str, names: list[str]) -> bool:
    """The names of the copies tell their content; the two files are compared."""
    try:
        if sorted(os.listdir(other)) != sorted(names):
            return False
        for name in names[-2:]:
            with open(f"{one}/{name}", "rb") as first, open(f"{other}/{name}", "rb") as second:
                if first.read() != second.read():
                    return False
    except OSError:
        return False
    return True


def _private(path: str) -> None:
    """Sees that only root can write there. A directory that exists is not changed: it may be one
    that others need.
    """
    os.makedirs(path, mode=0o700, exist_ok=True)
    status = os.stat(path)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(errno.EPERM, f"only root may be able to write to {path}")


def _copy(source: str, target: str) -> None:
    """Copies a file, or a directory of files, over what is there, whole or not at all."""
    new = f"{target}.{os.getpid()}"
    umask = os.umask(0o077)  # only root can read a key, from the first moment on
    try:
        if os.path.isdir(source):
            shutil.rmtree(new, ignore_errors=True)
            os.mkdir(new, 0o700)
            for name in os.listdir(source):
                shutil.copy(f"{source}/{name}", f"{new}/{name}")
            shutil.rmtree(target, ignore_errors=True)
        else:
            shutil.copy(source, new)  # with its mode
    finally:
        os.umask(umask)
    os.rename(new, target)


def _flush(path: str) -> None:
    """Writes a directory and its files to disk. Not with sync(2), which also writes everything that
    PostgreSQL has not written yet.
    """
    for directory, _, names in os.walk(path):
        for each in (*(os.path.join(directory, name) for name in names), directory):
            fd = os.open(each, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def _swap(new: str, target: str) -> None:
    old = f"{target}.old"
    if os.path.exists(target):
        shutil.rmtree(old, ignore_errors=True)
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)


def _forget_interrupted(target: str) -> None:
    """Removes copies that are incomplete because Pacemaker killed an action."""
    for path in glob.glob(f"{glob.escape(target)}.[0-9]*"):
        if not os.path.exists(f"/proc/{path.rpartition('.')[2]}"):
            shutil.rmtree(path, ignore_errors=True)
