"""The configuration that HAProxy is to run with: made from the parameters, checked, and installed.

Nothing here touches a HAProxy that runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import shutil

from . import (
    copies,
    log,
    parameters_file,
    ports,
    postgres,
    process,
    rejection,
    render,
    supervisor,
)
from .command import CommandError, run
from .ocf import ERR_CONFIGURED, ERR_INSTALLED, AgentError, Rejected
from .params import Params, parse, parse_leniently
from .render import config_path, source_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .context import Context

CHECK_WITHIN = 15.0  # s for HAProxy to check a configuration


def wanted(context: Context) -> Params:
    """Returns the values of the parameters that Pacemaker gives. Raises Rejected."""
    try:
        return parse(context.parameters)
    except AgentError as error:
        raise Rejected(error.reason, error.code) from error


def effective(context: Context) -> Params:
    """Returns the values of the parameters, or those that HAProxy runs with if one of them is
    invalid or the configuration made from them is rejected; without these, the default of each
    that is invalid.
    """
    try:
        asked = parse(context.parameters)
    except AgentError:
        asked = None
    if asked is not None and not rejection.reason(context.statedir):
        return asked
    running = parameters_file.read(context.statedir)
    return running or asked or parse_leniently(context.parameters, log.warning)


def kept_directory(keepdir: str, statedir: str) -> str:
    """Returns the directory on disk for the last valid configuration of a state directory."""
    return f"{keepdir}/{supervisor.name(statedir)}"


def make(params: Params, node: str) -> str:
    """Returns the path of a new configuration that HAProxy has checked, with a name of its own.

    Raises Rejected. Its reason names the parameter, the value, and the fault.
    """
    _check_parameters(params)
    _check_postgres(params)
    copies.prepare(params)
    try:
        lua = copies.lua(params)
        cert = copies.tls_cert(params)
        text = render.render(params, node, lua, cert)
        new = f"{config_path(params)}.{os.getpid()}"  # not the name of another action's file
        copies.write_private(new, text.encode())
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
        log.warning(f"{text}, but PostgreSQL is not asked before a promotion")


def _check_postgres(params: Params) -> None:
    """Raises Rejected if PostgreSQL listens on the socket of the configuration in use, and not on
    the socket of the new one. Otherwise every node would report its PostgreSQL as down.
    """
    kept = kept_directory(params.keepdir, params.statedir)
    before = parameters_file.read(params.statedir) or parameters_file.read(kept)
    if before is None or not postgres.listening(before) or postgres.listening(params):
        return
    moved = before.pghost != params.pghost
    fault = f"pghost: '{params.pghost}'" if moved else f"pgport: '{params.pgport}'"
    old, new = (f"{each.pghost}/.s.PGSQL.{each.pgport}" for each in (before, params))
    if old != new:
        text = f"PostgreSQL does not listen on {new}, but on {old}"
        raise Rejected(f"parameter {fault}: {text}", ERR_CONFIGURED)


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
    """Puts a checked configuration in the place of the one before it. Until `commit`, nothing says
    that HAProxy runs with it. Raises Rejected.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(source_path(params))
        with open(f"{new}.parameters", "w", encoding="utf-8") as file:
            json.dump(dict(params.raw), file)
        os.replace(f"{new}.parameters", parameters_file.path(params.statedir))
        os.replace(new, config_path(params))
    except OSError as error:
        raise Rejected(f"cannot write below {params.statedir}: {error.strerror}") from error


def commit(params: Params) -> None:
    """Writes the note from which configuration HAProxy was made. Without this note the next monitor
    makes the configuration again.
    """
    path = source_path(params)
    try:
        unknown = render.unresolved(params)
        for host in unknown:
            text = "no new connections are led there until it does, unless its address was known"
            log.warning(f"parameter nodes: host {host} does not resolve: {text}")
        text = render.source(params, unknown)
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(file.name, path)
    except (AgentError, OSError) as error:
        log.warning(f"cannot write {path}: {error}; the next monitor makes the configuration again")


def digest(path: str) -> str:
    """Returns what tells one configuration from another."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@contextlib.contextmanager
def before(params: Params) -> Iterator[Callable[[], None]]:
    """Copies the configuration in the state directory, and yields a function that puts it back."""
    paths = (parameters_file.path(params.statedir), source_path(params), config_path(params))
    saved = {path: f"{path}.{os.getpid()}.before" for path in paths if os.path.exists(path)}
    umask = os.umask(0o077)  # it may name a password
    try:
        for path, copy in saved.items():
            shutil.copy(path, copy)
    except OSError as error:
        raise Rejected(f"cannot write below {params.statedir}: {error.strerror}") from error
    finally:
        os.umask(umask)

    def undo() -> None:
        for path in paths:
            if path in saved:
                os.replace(saved[path], path)
            elif os.path.exists(path):
                os.unlink(path)

    try:
        yield undo
    finally:
        for copy in saved.values():
            with contextlib.suppress(OSError):
                os.unlink(copy)
