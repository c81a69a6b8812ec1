"""The configuration that HAProxy is to run with: made from the parameters, checked, and installed.

Nothing here touches a HAProxy that runs. Everything that it reads is copied into the state
directory first: a file of the package or a certificate that is damaged later harms no HAProxy that
systemd starts again after a crash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import shutil

from . import certificate, log, pacemaker, ports, process, render, rolefile
from .ocf import ERR_CONFIGURED, ERR_INSTALLED, ERR_PERM, AgentError, Rejected
from .params import Params, parse, parse_leniently
from .render import config_path, source_path
from .run import CommandError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .context import Context

LUA = "lua-"
CERTIFICATE = "cert-"
CHECK_WITHIN = 15.0  # s for HAProxy to check a configuration


def wanted(context: Context) -> Params:
    """Returns the values of the parameters that Pacemaker gives. Raises Rejected."""
    try:
        return parse(context.parameters)
    except AgentError as error:
        raise Rejected(error.reason, error.code) from error


def effective(context: Context) -> Params:
    """Returns the values of the parameters, or those that HAProxy was started with if one of them
    is invalid; without these, the default of each that is invalid.
    """
    try:
        return parse(context.parameters)
    except AgentError:
        return used(context.statedir) or parse_leniently(context.parameters, log.warning)


def used(statedir: str) -> Params | None:
    """Returns the parameters of the configuration in a directory, or None if they are not there."""
    try:
        with open(parameters_path(statedir), encoding="utf-8") as file:
            return parse({**json.load(file), "statedir": statedir})
    except (OSError, ValueError, AgentError, TypeError):
        return None


def parameters_path(directory: str) -> str:
    """Returns the file with the parameters of the configuration beside it."""
    return directory + "/parameters"


def rejected_path(statedir: str) -> str:
    """Returns the file that says why the configuration that is asked for is not used."""
    return statedir + "/rejected"


def make(params: Params, node: str) -> str:
    """Returns the path of a new configuration that HAProxy has checked, with a name of its own.

    Raises Rejected with the parameter, its value, and what is wrong.
    """
    _check_parameters(params)
    prepare(params)
    try:
        lua = _copy_lua(params)
        cert = _copy_certificate(params)
        text = render.render(params, node, lua, cert)
        new = _write(params, text)
    except OSError as error:
        text = f"cannot write {error.filename or params.statedir}: {error.strerror}"
        raise Rejected(text) from error
    except AgentError as error:
        raise Rejected(error.reason, error.code) from error
    try:
        _check(params, new, text)
    except AgentError:
        os.unlink(new)
        raise
    return new


def _check_parameters(params: Params) -> None:
    if not os.access(params.haproxy, os.X_OK):
        raise Rejected(f"parameter haproxy: there is no program {params.haproxy}", ERR_INSTALLED)
    try:
        pwd.getpwnam(params.user)
    except KeyError as error:
        raise Rejected(f"parameter user: no user {params.user}", ERR_CONFIGURED) from error
    try:
        pwd.getpwnam(params.system_user)
    except KeyError:
        text = f"parameter system_user: no user {params.system_user}: HAProxy serves clients here"
        log.warning(f"{text}, but nothing can be promoted")


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


def _copy_lua(params: Params) -> str:
    """Returns a directory in the state directory with a copy of the Lua files as they are now."""
    files = {}
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


def _copy_certificate(params: Params) -> str:
    """Returns a copy of the certificate and its key, or '' if none is asked for."""
    if not params.tls_cert:
        return ""
    content = certificate.read(params.tls_cert)
    digest = hashlib.sha256(content).hexdigest()[:12]
    target = f"{params.statedir}/{CERTIFICATE}{digest}.pem"
    _write_private(target, content)
    return target


def _write_private(path: str, content: bytes) -> None:
    """Writes a file that only root may read, whole or not at all."""
    new = f"{path}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        os.fchmod(fd, 0o600)
        file.write(content)
    os.replace(new, path)


def _write(params: Params, text: str) -> str:
    # Not in the place of another action's file; and it may name a password.
    new = f"{config_path(params)}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, 0o600)
        file.write(text)
    return new


def _check(params: Params, new: str, text: str) -> None:
    """Raises Rejected with HAProxy's own words, or if a port is in use."""
    try:
        run([params.haproxy, "-c", "-f", new], CHECK_WITHIN)  # -q would hide its words too
    except CommandError as error:
        reason = render.alert(error.output).replace(new, config_path(params))
        reason = f"HAProxy refuses the configuration: {reason}"
        raise Rejected(reason, ERR_CONFIGURED) from error
    except AgentError as error:
        raise Rejected(error.reason, error.code) from error
    reason = ports.conflict(text, installed(params), params)
    if reason:
        raise Rejected(reason)


def installed(params: Params) -> str:
    """Returns the text of the configuration in the state directory if HAProxy runs with it, or ''
    if it does not run.
    """
    if process.leader(params) is None:
        return ""
    try:
        with open(config_path(params), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def install(params: Params, new: str) -> None:
    """Puts a checked configuration in the place of the one before it. Raises Rejected."""
    try:
        with open(f"{new}.parameters", "w", encoding="utf-8") as file:
            json.dump(dict(params.raw), file)
        os.replace(f"{new}.parameters", parameters_path(params.statedir))
        os.replace(new, config_path(params))
        with open(source_path(params), "w", encoding="utf-8") as file:
            file.write(render.source(params))
    except OSError as error:
        raise Rejected(f"cannot write {new}: {error.strerror}") from error


def tidy(params: Params) -> None:
    """Removes copies that the installed configuration does not name, and what an action left that
    Pacemaker has killed.
    """
    try:
        with open(config_path(params), encoding="utf-8", errors="replace") as file:
            text = file.read()
        names = os.listdir(params.statedir)
    except OSError:
        return
    for name in names:
        path = f"{params.statedir}/{name}"
        mine = name.startswith((LUA, CERTIFICATE, "haproxy.cfg.", "parameters."))
        if not mine or path in text or _in_use(name):
            continue
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _in_use(name: str) -> bool:
    """Returns whether the process whose pid a temporary name ends with is still there."""
    return any(os.path.exists(f"/proc/{word}") for word in name.split(".") if word.isdecimal())


def reject(context: Context, reason: str) -> None:
    """Reports a configuration that is not used: in the log, in a file for HAProxy's metrics and
    `paf-haproxy status`, and as an attribute of the node. Once for each reason.
    """
    path = rejected_path(context.statedir)
    if rolefile.read_note(path) == reason:
        return
    log.warning(f"{reason}; HAProxy keeps the last valid configuration")
    try:
        rolefile.write_note(path, reason)
    except OSError as error:
        log.warning(f"cannot write {path}: {error.strerror}")
    pacemaker.tell_rejected(context.instance, context.node, reason)


def accept(context: Context) -> None:
    """Takes the report of a rejected configuration back, if there is one."""
    try:
        os.unlink(rejected_path(context.statedir))
    except OSError:
        return
    log.info("the configuration that is asked for is in use again")
    pacemaker.tell_rejected(context.instance, context.node, "")


@contextlib.contextmanager
def before(params: Params) -> Iterator[Callable[[], None]]:
    """Keeps the configuration in the state directory as it is now; what is yielded puts it back."""
    paths = (parameters_path(params.statedir), source_path(params), config_path(params))
    copies = {path: f"{path}.{os.getpid()}.before" for path in paths if os.path.exists(path)}
    try:
        for path, copy in copies.items():
            shutil.copy(path, copy)
    except OSError as error:
        raise Rejected(f"cannot write below {params.statedir}: {error.strerror}") from error

    def undo() -> None:
        for path, copy in copies.items():
            os.replace(copy, path)

    try:
        yield undo
    finally:
        for copy in copies.values():
            with contextlib.suppress(OSError):
                os.unlink(copy)
