"""Every parameter of the agent: its default, its text, and the one way its value is read.

A value is accepted by what it may consist of, never by what it may not: nothing that HAProxy's
configuration, its runtime socket or a shell could take for more than a word gets past here.
"""

from __future__ import annotations

from .context import DEFAULT_STATEDIR
from .ocf import ERR_CONFIGURED, AgentError
from .routing import HOLD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_WORD = frozenset(_LETTERS + _DIGITS + "_-.")
_PATH = _WORD | frozenset("/@+,")
_ADDRESS = frozenset(_LETTERS + _DIGITS + "-.:")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "": 1000}
LONGEST = 24 * _UNITS["d"]  # HAProxy keeps times in 31 bits of milliseconds


class Refused(ValueError):
    """A value that a reader does not take; says what it should have been."""


def word(text: str) -> str:
    if not text or not _WORD.issuperset(text) or text.startswith("-"):
        raise Refused("expected letters, digits, '_', '-' and '.'")
    return text


def path(text: str) -> str:
    if not text.startswith("/") or not _PATH.issuperset(text) or ".." in text.split("/"):
        raise Refused("expected an absolute path of letters, digits and _-.@+,/")
    return text.rstrip("/") or "/"


def optional_path(text: str) -> str:
    return path(text) if text else ""


def log_target(text: str) -> str:
    return path(text) if text.startswith("/") else address(text)


def port(text: str) -> int:
    return number(1, 65535)(text)


def number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 12 and least <= int(text) <= most:
            return int(text)
        raise Refused(f"expected a number from {least} to {most}")

    return read


def duration(least: int, most: int = LONGEST) -> Callable[[str], int]:
    """Returns a reader of times such as 50ms, 30s, 30 (seconds) or 2h, in milliseconds."""

    def read(text: str) -> int:
        digits = text.rstrip(_LETTERS)
        unit = _UNITS.get(text[len(digits) :])
        if unit and digits.isascii() and digits.isdecimal() and len(digits) < 12:
            value = int(digits) * unit
            if least <= value <= most:
                return value
        raise Refused(f"expected a time from {least}ms to {most}ms, such as 50ms, 30s or 2h")

    return read


def address(text: str) -> str:
    if not text or not _ADDRESS.issuperset(text) or text.startswith("-"):
        raise Refused("expected a host name or an address")
    return text


def bind_address(text: str) -> str:
    return "" if text == "*" else address(text)


def node_name(text: str) -> str:
    if text == HOLD:
        raise Refused(f"'{HOLD}' is the name of a server of ours: no node can have it")
    return word(text)


def nodes(text: str) -> tuple[tuple[str, str], ...]:
    """Reads 'srv1 srv2=10.0.0.2' as (('srv1', 'srv1'), ('srv2', '10.0.0.2'))."""
    pairs = []
    if not (text.isprintable() or not text):
        raise Refused("expected node names in one line, as in: srv1 srv2=10.0.0.2")
    for item in text.split():
        name, separator, host = item.partition("=")
        pairs.append((node_name(name), address(host if separator else name)))
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused("a node is named twice")
    return tuple(pairs)


class Parameter:
    """One parameter. kind: 'string' or 'integer', as OCF's metadata knows them."""

    __slots__ = ("default", "kind", "name", "read", "text")

    def __init__(
        self, name: str, default: str, read: Callable[[str], Any], text: str, kind: str = "string"
    ) -> None:
        self.name = name
        self.default = default
        self.read = read
        self.text = text
        self.kind = kind


_NAMED = "Default: the nodes of the cluster, by the names that Pacemaker knows."
PARAMETERS = (
    Parameter("nodes", "", nodes, "Nodes that run PostgreSQL, as 'srv1 srv2=10.0.0.2'. " + _NAMED),
    Parameter("pgsql_clone", "pgsqld-clone", word, "The clone of the PAF resource"),
    Parameter("hold_timeout", "30s", duration(0, 600_000),
              "How long a new connection to prod waits for a primary; 0: it is refused at once"),
    Parameter("bind", "*", bind_address, "Address that HAProxy listens on; * is all"),
    Parameter("prod_port", "5432", port, "Port of the primary, read-write", "integer"),
    Parameter("stdby_port", "5433", port, "Port of the standbys, read-only", "integer"),
    Parameter("state_port", "5431", port, "Port that tells the role as text", "integer"),
    Parameter("role_port", "5435", port, "Port that the other nodes' HAProxys ask", "integer"),
    Parameter("stats_port", "7000", port, "Port of the statistics page and of /metrics", "integer"),
    Parameter("pgport", "5434", port, "Port of PostgreSQL itself, on every node", "integer"),
    Parameter("pghost", "/run/postgresql", path, "Directory of PostgreSQL's Unix socket"),
    Parameter("pguser", "haproxy", word,
              "PostgreSQL role that the local role is asked as, by peer authentication"),
    Parameter("pgdatabase", "postgres", word, "Database that the role connects to"),
    Parameter("system_user", "postgres", word,
              "OS user and PostgreSQL role that confirm a promotion, by peer authentication"),
    Parameter("user", "haproxy", word, "OS user that HAProxy runs as"),
    Parameter("group", "haproxy", word, "OS group that HAProxy runs as"),
    Parameter("maxconn", "2000", number(10, 1_000_000),
              "Most connections at a time to each pool", "integer"),
    Parameter("session_timeout", "24d", duration(1000), "How long a session may be idle"),
    Parameter("check_interval", "50ms", duration(10, 60_000),
              "Pause between two questions to a node for its role"),
    Parameter("server_interval", "2s", duration(100, 60_000),
              "Time between two checks that PostgreSQL answers on the network"),
    Parameter("stop_grace", "2s", duration(0, 600_000),
              "How long a stop lets open sessions go on before it ends them"),
    Parameter("log", "/dev/log", log_target, "Where HAProxy logs: a Unix socket or a host"),
    Parameter("haproxy", "/usr/sbin/haproxy", path, "The HAProxy program"),
    Parameter("template", "", optional_path,
              "A Jinja2 template for haproxy.cfg instead of the agent's own"),
    Parameter("statedir", DEFAULT_STATEDIR, path,
              "Directory of the configuration, the role file and the runtime socket"),
)  # fmt: skip


class Params:
    """The validated values, by attribute: params.prod_port is an int, params.hold_timeout ms."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


def parse(raw: Mapping[str, str]) -> Params:
    """Returns the values of all parameters. Raises AgentError (ERR_CONFIGURED) that names the
    first one that is wrong. A raw name that is no parameter of ours is Pacemaker's own.
    """
    values = {parameter.name: _value(parameter, raw) for parameter in PARAMETERS}
    ports: dict[int, str] = {}
    for name in ("prod_port", "stdby_port", "state_port", "role_port", "stats_port", "pgport"):
        other = ports.setdefault(values[name], name)
        if other != name:
            raise AgentError(
                f"parameter {name}: {values[name]} is the port of {other} already", ERR_CONFIGURED
            )
    if values["session_timeout"] <= values["hold_timeout"]:
        # Who waits says nothing: HAProxy would take him for an idle session.
        text = "parameter session_timeout: it must be longer than hold_timeout"
        raise AgentError(text, ERR_CONFIGURED)
    return Params(values)


def parse_leniently(raw: Mapping[str, str], warn: Callable[[str], None]) -> Params:
    """Returns the values of all parameters, the default of each that is wrong. For probes and
    stops: what runs was started with values that were right.
    """
    values = {}
    for parameter in PARAMETERS:
        try:
            values[parameter.name] = _value(parameter, raw)
        except AgentError as error:
            warn(error.reason)
            values[parameter.name] = parameter.read(parameter.default)
    return Params(values)


def _value(parameter: Parameter, raw: Mapping[str, str]) -> Any:
    text = raw.get(parameter.name, "") or parameter.default
    try:
        return parameter.read(text)
    except Refused as error:
        raise AgentError(
            f"parameter {parameter.name}: {text!r}: {error}", ERR_CONFIGURED
        ) from error
