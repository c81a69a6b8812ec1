"""haproxy.cfg: its text, and what it is made from."""

from __future__ import annotations

import os
import struct
import time

from . import __version__, network, pacemaker
from .ocf import ERR_CONFIGURED, ERR_INSTALLED, ERR_PERM, AgentError
from .values import Refused, node_name, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .params import Params

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_TREE = os.path.join(os.path.dirname(_HOME), "haproxy")
_IN_TREE = os.path.basename(_HOME) == "lib" and os.path.exists(_TREE + "/haproxy.cfg.j2")
TEMPLATES = _TREE if _IN_TREE else os.path.join(_HOME, "templates")
"""Where the template and the Lua files are: installed, or in a source tree."""
SUFFIXES = (".j2", ".lua", ".map")
PROTOCOL_3 = 196608
QUIET = 5.0
"""s without a new file beside ours: in an upgrade dpkg and rpm rename all files at once."""


def config_path(params: Params) -> str:
    return params.statedir + "/haproxy.cfg"


def source_path(params: Params) -> str:
    """Returns the file that says what the installed configuration was made from."""
    return params.statedir + "/haproxy.source"


def startup_packet(user: str, database: str) -> str:
    """Returns PostgreSQL's StartupMessage in hexadecimal ("Message Formats", protocol 3.0)."""
    body = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
    return (struct.pack(">II", len(body) + 8, PROTOCOL_3) + body).hex()


def backends(params: Params) -> tuple[tuple[str, str], ...]:
    """Returns (node, address) of every backend. Raises AgentError if there is none."""
    pairs = params.nodes or tuple((named(name), name) for name in pacemaker.nodes())
    if not pairs:
        raise AgentError("parameter nodes is empty, and the cluster reports no nodes")
    return tuple(pairs)


def unresolved(params: Params) -> list[str]:
    """Returns the hosts of backends whose names do not resolve now. Raises AgentError
    (ERR_CONFIGURED) if one is no host name.
    """
    return network.unresolved(network.resolve(address for _, address in backends(params)))


def named(node: str) -> str:
    """Returns a node's name as Pacemaker knows it. Raises AgentError (ERR_CONFIGURED) if it can be
    taken for more than a word in haproxy.cfg.
    """
    try:
        return node_name(node)
    except Refused as error:
        raise AgentError(f"node {node!r} of the cluster: {error}", ERR_CONFIGURED) from error


def credentials(path: str) -> tuple[str, str]:
    """Returns user and password from a file that only root can read; empty without a file.

    Raises AgentError if it is readable for others, or says what HAProxy would not understand.
    """
    if not path:
        return "", ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            status = os.fstat(file.fileno())
            user, _, password = file.read(1000).removesuffix("\n").partition(":")
    except OSError as error:
        raise AgentError(f"parameter stats_auth: {path}: {error.strerror}", ERR_PERM) from error
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        text = f"parameter stats_auth: {path} must be root's, and nobody else's to read (mode 600)"
        raise AgentError(text, ERR_PERM)
    # In single quotes HAProxy takes everything for itself (Configuration Manual, 2.2).
    harmless = password.isascii() and password.isprintable() and "'" not in password
    try:
        if not harmless or not password:
            raise Refused("a password is printable ASCII without ' and not empty")
        return word(user), password
    except Refused as error:
        text = f"parameter stats_auth: {path}: expected one line user:password; {error}"
        raise AgentError(text, ERR_CONFIGURED) from error


def render(params: Params, node: str, lua: str, tls_cert: str) -> str:
    """Returns the text of haproxy.cfg. lua: the directory of the Lua files. tls_cert: the PEM file,
    or ''. Raises AgentError (ERR_CONFIGURED) on a broken template.
    """
    try:
        import jinja2
    except ImportError as error:
        text = "Python's module jinja2 is missing: install python3-jinja2"
        raise AgentError(text, ERR_INSTALLED) from error
    template = params.template or os.path.join(TEMPLATES, "haproxy.cfg.j2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(template)),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML; every value is a validated word
    )
    nodes = backends(params)
    addresses = network.resolve(address for _, address in nodes)
    values = params.values
    values["nodes"] = nodes
    values["known"] = addresses
    values["members"] = network.members(addresses, params.role_allow)
    values["loopback"] = network.loopback(params.bind)
    values["ipv6"] = network.has_ipv6()
    values["ipv6_loopback"] = values["loopback"] == "127.0.0.1" and network.has_ipv6("::1")
    values["lua"] = lua
    values["tls_cert"] = tls_cert
    values["node"] = named(node)
    values["stats_user"], values["stats_password"] = credentials(params.stats_auth)
    values["startup_packet"] = startup_packet(params.pguser, params.pgdatabase)
    try:
        return environment.get_template(os.path.basename(template)).render(values)
    except jinja2.TemplateNotFound as error:
        code = ERR_CONFIGURED if params.template else ERR_INSTALLED
        text = f"template {template} does not exist, or cannot be read"
        raise AgentError(text, code) from error
    except Exception as error:  # a template is a program, and fails like one
        line = getattr(error, "lineno", None)
        where = f"{template}:{line}" if line else template
        text = f"template {where}: {type(error).__name__}: {error}"
        raise AgentError(text, ERR_CONFIGURED) from error


def alert(output: str) -> str:
    """Returns the line of HAProxy's output that says why it does not run, or else the first one.
    Without its pid: the same reason must be the same text.
    """
    lines = output.splitlines()
    alerts = [line for line in lines if "[ALERT]" in line]
    line = (alerts or lines or ["no reason given"])[0]
    before, mark, rest = line.partition("[ALERT]")
    return rest.partition(":")[2].strip() if mark and not before else line


def source(params: Params, unknown: list[str]) -> str:
    """Returns what the configuration is made from, as text to compare: our version and files, the
    cluster's nodes, the parameters, the files that they name, and the hosts that did not resolve.
    Not a user's template: its author says by a parameter when it is ready.
    """
    files = sorted(
        (entry.name, entry.stat().st_size, entry.stat().st_mtime_ns)
        for entry in os.scandir(TEMPLATES)
        if entry.name.endswith(SUFFIXES)  # not what dpkg and rpm unpack beside them, to be renamed
    )
    named = [_stamp(path) for path in (params.tls_cert, params.stats_auth) if path]
    return (
        f"{__version__}\n{files}\n{named}\n{backends(params)}\n{sorted(params.values.items())}\n"
        f"{unknown}\n"
    )


def _stamp(path: str) -> tuple[str, int, int]:
    """Returns what changes if a file is replaced; zeros if it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return path, 0, 0
    return path, status.st_size, status.st_mtime_ns


def is_upgraded() -> bool:
    """Returns whether our files are being replaced: there may be some of either version."""
    changes = (os.stat(path).st_mtime for path in (TEMPLATES, os.path.dirname(__file__)))
    return any(0 <= time.time() - change < QUIET for change in changes)


def is_current(params: Params) -> bool:
    """Returns whether the installed configuration was made from what there is now. Raises
    AgentError if the cluster does not tell its nodes.
    """
    try:
        with open(source_path(params), encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        return False
    # Only hosts that did not resolve then are looked up now: a name server that fails must not
    # cause a reload.
    then = text.rstrip("\n").rpartition("\n")[2]
    unknown = [] if then == "[]" else [each for each in unresolved(params) if repr(each) in then]
    return text == source(params, unknown)
