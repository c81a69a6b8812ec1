"""Copies of what HAProxy reads, in the state directory.

A file of the package or a certificate that is damaged later harms no HAProxy that systemd starts
again after a crash. The name of a copy tells its content, so that no copy is ever changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import shutil

from . import certificate, log, render
from .ocf import ERR_PERM, Rejected
from .render import config_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

LUA = "lua-"
CERTIFICATE = "cert-"
OURS = re.compile(
    r"(lua-[0-9a-f]{12}|cert-[0-9a-f]{12}\.pem)(\.\d+)?"
    r"|(haproxy\.cfg|haproxy\.source|parameters|role|rejected|refused|confirmed|vouched|answered)"
    r"(\.\d+)+(\.before|\.parameters)?"
)
"""Copies and temporary files of the agent. Other files in the directory are not removed."""


def prepare(params: Params) -> None:
    """Makes the state directory, or sees that only root can write to it. Raises Rejected."""
    try:
        if not os.path.lexists(params.statedir):
            os.makedirs(params.statedir)
            os.chmod(params.statedir, 0o755)  # noqa: S103 - everybody may read the role file
        status = os.lstat(params.statedir)
    except OSError as error:
        text = f"parameter statedir: {params.statedir}: {error.strerror}"
        raise Rejected(text, ERR_PERM) from error
    if status.st_uid != 0 or status.st_mode & 0o022 or not os.path.isdir(params.statedir):
        text = f"parameter statedir: {params.statedir} must be a directory that only root writes to"
        raise Rejected(text, ERR_PERM)
    _memory(params)


def _memory(params: Params) -> None:
    """Makes the only directory in the state directory that HAProxy itself can write to. Confirmed
    roles are kept there over a reload or a crash. Without it, HAProxy asks for them again.
    """
    path = params.statedir + "/memory"
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.chown(path, pwd.getpwnam(params.user).pw_uid, -1)
    except (OSError, KeyError) as error:
        log.warning(f"cannot make {path}: {error}; a reload or a crash loses the known roles")


def lua(params: Params) -> str:
    """Returns a directory in the state directory with a copy of the Lua files as they are now."""
    files: dict[str, bytes] = {}
    for name in sorted(os.listdir(render.TEMPLATES)):
        if name.endswith((".lua", ".map")):
            with open(os.path.join(render.TEMPLATES, name), "rb") as file:
                files[name] = file.read()
    whole = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]
    target = f"{params.statedir}/{LUA}{whole}"
    if _same(target, files):
        return target
    new = f"{target}.{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o755)
    for name, content in files.items():
        with open(os.path.join(new, name), "wb") as file:
            file.write(content)
    shutil.rmtree(target, ignore_errors=True)  # it was damaged
    os.rename(new, target)
    return target


def _same(directory: str, files: dict[str, bytes]) -> bool:
    try:
        for name, content in files.items():
            with open(os.path.join(directory, name), "rb") as file:
                if file.read() != content:
                    return False
    except OSError:
        return False
    return True


def tls_cert(params: Params) -> str:
    """Returns a copy of the certificate and its key, or '' if none is asked for."""
    if not params.tls_cert:
        return ""
    content = certificate.read(params.tls_cert)
    digest = hashlib.sha256(content).hexdigest()[:12]
    target = f"{params.statedir}/{CERTIFICATE}{digest}.pem"
    write_private(target, content)
    return target


def write_private(path: str, content: bytes) -> None:
    """Writes a file that only root may read, whole or not at all. Raises OSError."""
    new = f"{path}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        os.fchmod(fd, 0o600)
        file.write(content)
    os.replace(new, path)


def tidy(params: Params) -> None:
    """Removes copies that the installed configuration does not name, and temporary files of actions
    that Pacemaker has killed.
    """
    try:
        with open(config_path(params), encoding="utf-8", errors="replace") as file:
            text = file.read()
        names = os.listdir(params.statedir)
    except OSError:
        return
    for name in names:
        path = f"{params.statedir}/{name}"
        if not OURS.fullmatch(name) or path in text or _in_use(name):
            continue
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _in_use(name: str) -> bool:
    """Returns whether the process whose pid a temporary name ends with is still there."""
    return any(os.path.exists(f"/proc/{word}") for word in name.split(".") if word.isdecimal())
