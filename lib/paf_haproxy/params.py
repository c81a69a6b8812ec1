"""Every parameter of the agent: its default, its text, and how its value is read."""

from __future__ import annotations

from .context import DEFAULT_KEEPDIR, DEFAULT_STATEDIR
from .ocf import ERR_CONFIGURED, AgentError
from .values import (
    Refused,
    balance,
    bind_address,
    duration,
    fallback,
    keepalive,
    log_target,
    networks,
    nodes,
    number,
    optional_path,
    path,
    port,
    size,
    word,
    yes_or_no,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


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
              "How long a new connection to prod or to the replication port waits for a primary;"
              " 0: it is refused at once"),
    Parameter("bind", "*", bind_address,
              "Address that HAProxy listens on. *: all addresses, those of IPv6 too if the machine"
              " has IPv6. The replication port listens on the loopback interface alone"),
    Parameter("prod_port", "5432", port, "Port of the primary, read-write", "integer"),
    Parameter("stdby_port", "5433", port, "Port of the standbys, read-only", "integer"),
    Parameter("replication_port", "5437", port,
              "Port on 127.0.0.1 and ::1 through which the standby of this node reaches the"
              " primary: primary_conninfo = 'host=127.0.0.1 port=5437 ...'. It has a connection"
              " limit and a queue of its own, and never leads to the PostgreSQL of this node."
              " Change it only if another program uses the port, and change primary_conninfo on"
              " every node with it",
              "integer"),
    Parameter("state_port", "5431", port, "Port that tells the role as text", "integer"),
    Parameter("role_port", "5435", port, "Port that the other nodes' HAProxys ask", "integer"),
    Parameter("stats_port", "7000", port, "Port of the statistics page and of /metrics", "integer"),
    Parameter("rest_port", "8008", port,
              "Port that tells the role over HTTP, like Patroni's REST API", "integer"),
    Parameter("state_allow", "", networks,
              "Networks that may ask the state port, as '10.0.0.0/8 fd00::/8'; none named: all"),
    Parameter("role_allow", "", networks,
              "Networks that may ask the role port besides the addresses of the nodes; none named:"
              " all. If you name some, name every network from which a node may connect: a node"
              " with several addresses may use another one than its name resolves to"),
    Parameter("stats_allow", "", networks,
              "Networks that may ask the statistics port; none named: all"),
    Parameter("rest_allow", "", networks, "Networks that may ask the REST port; none named: all"),
    Parameter("stats_auth", "", optional_path,
              "File with one line user:password, that only root reads: who may see the statistics"
              " port's pages"),
    Parameter("tls_cert", "", optional_path,
              "PEM file with certificate and key: the statistics and the REST port speak TLS"),
    Parameter("pgport", "5434", port, "Port of PostgreSQL itself, on every node", "integer"),
    Parameter("pghost", "/run/postgresql", path, "Directory of PostgreSQL's Unix socket"),
    Parameter("pguser", "haproxy", word,
              "PostgreSQL role that the local role is asked as, by peer authentication"),
    Parameter("pgdatabase", "postgres", word, "Database that the role connects to"),
    Parameter("system_user", "postgres", word,
              "OS user and PostgreSQL role that confirm a promotion, by peer authentication"),
    Parameter("user", "haproxy", word, "OS user that HAProxy runs as"),
    Parameter("group", "haproxy", word, "OS group that HAProxy runs as"),
    Parameter("max_lag", "0", size,
              "Most bytes of WAL that a standby may lag behind and still get new connections to"
              " stdby, such as 16MB; 0: no bar"),
    Parameter("max_lag_time", "10s", duration(0),
              "How long it must lag more than that before it gets none"),
    Parameter("standby_timeout", "30s", duration(6000, 600_000),
              "How long a standby may give no answer before it leaves stdby and its sessions end"),
    Parameter("standby_fallback", "none", fallback,
              "Who serves stdby when no standby is left: none, or primary"),
    Parameter("stdby_balance", "leastconn", balance,
              "How a reader's standby is chosen: leastconn, the one with the fewest connections, or"
              " source, always the same one for a client address while the same standbys are there."
              " Set source if a program opens several connections and needs one standby for all of"
              " them, such as pg_dump -j"),
    Parameter("old_workers", "10", number(1, 1000),
              "Most HAProxy processes that finish their sessions after reloads; the oldest is ended"
              " if there are more", "integer"),
    Parameter("old_worker_age", "7d", duration(1000),
              "How long such a process may go on after a reload before its sessions are ended"),
    Parameter("maxconn", "2000", number(10, 1_000_000),
              "Most connections at a time to each pool", "integer"),
    Parameter("server_maxconn", "0", number(0, 1_000_000),
              "Most connections at a time that the HAProxy of one node opens to the PostgreSQL of"
              " one node, for each pool; more wait up to hold_timeout. 0: as many as PostgreSQL"
              " accepts. Set it if clients should wait instead of being refused with 'too many"
              " clients':"
              " max_connections divided by the number of nodes, if clients use all nodes alike",
              "integer"),
    Parameter("session_timeout", "24d", duration(1000), "How long a session may be idle"),
    Parameter("client_keepalive", "40s", keepalive,
              "How long the machine of an idle client may be unreachable before its session is"
              " closed and its locks are released (TCP keepalive); 0: for good. Raise it if"
              " networks between clients and nodes fail for longer than that"),
    Parameter("pooler", "", optional_path,
              "Directory of the Unix socket of this node's PgBouncer, such as /run/postgresql: in a"
              " planned change of primary its sessions go on. Not set: there is none"),
    Parameter("pooler_port", "6432", port, "Port of this node's PgBouncer", "integer"),
    Parameter("pooler_wait", "2s", duration(100, 10_000),
              "How long open transactions of PgBouncer are waited for in a planned change of"
              " primary, before PostgreSQL stops. A constraint must have PAF's demote come after"
              " HAProxy's (70-constraints.sh); otherwise PostgreSQL stops meanwhile"),
    Parameter("crash_reports", "6", number(0, 1000),
              "Most crashes of a node's PostgreSQL in an hour that are reported to Pacemaker at"
              " once, after PAF's own monitor has confirmed each; PAF's recurring monitor finds a"
              " crash up to 15 s later. 0: none is reported", "integer"),
    Parameter("check_interval", "50ms", duration(10, 60_000),
              "Pause between two questions to a node for its role"),
    Parameter("server_interval", "2s", duration(100, 60_000),
              "Time between two checks that PostgreSQL answers on the network"),
    Parameter("stop_grace", "2s", duration(0, 600_000),
              "How long a stop lets open sessions go on before it ends them"),
    Parameter("log", "/dev/log", log_target, "Where HAProxy logs: a Unix socket or a host"),
    Parameter("log_connections", "no", yes_or_no,
              "yes: HAProxy logs every connection to prod and stdby when it ends, with the address"
              " and port of the client, the server, and the port from which HAProxy connected to"
              " PostgreSQL: the one that PostgreSQL logs and shows as client_port. no: only"
              " connections that fail"),
    Parameter("haproxy", "/usr/sbin/haproxy", path, "The HAProxy program"),
    Parameter("template", "", optional_path,
              "A Jinja2 template for haproxy.cfg instead of the agent's own"),
    Parameter("statedir", DEFAULT_STATEDIR, path,
              "Directory of the configuration, the role file and the runtime socket"),
    Parameter("keepdir", DEFAULT_KEEPDIR, path,
              "Directory on disk for the last valid configuration, which HAProxy starts with if the"
              " one that is asked for is rejected"),
)  # fmt: skip
PORTS = (
    "prod_port",
    "stdby_port",
    "replication_port",
    "state_port",
    "role_port",
    "stats_port",
    "rest_port",
    "pgport",
)
"""Those of a node's HAProxy and PostgreSQL. No two are the same."""


class Params:
    """The validated values, by attribute: params.prod_port is an int, params.hold_timeout ms."""

    def __init__(self, values: Mapping[str, Any], raw: Mapping[str, str] | None = None) -> None:
        self.values = dict(values)
        self.raw = dict(raw or {})
        """The texts that they were read from, by name, without those that are not set."""

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
    for name in (*PORTS, *(["pooler_port"] if values["pooler"] else [])):
        other = ports.setdefault(values[name], name)
        if other != name:
            raise AgentError(
                f"parameter {name}: '{values[name]}': {other} has the same port", ERR_CONFIGURED
            )
    if values["session_timeout"] <= values["hold_timeout"]:
        # A client that waits sends nothing: HAProxy would end its session as an idle one.
        text = (
            f"parameter session_timeout: {raw.get('session_timeout', '')!r}: it must be longer than"
            f" hold_timeout, which is {values['hold_timeout']}ms"
        )
        raise AgentError(text, ERR_CONFIGURED)
    return Params(values, _own(raw))


def _own(raw: Mapping[str, str]) -> dict[str, str]:
    return {each.name: raw[each.name] for each in PARAMETERS if raw.get(each.name)}


def parse_leniently(raw: Mapping[str, str], warn: Callable[[str], None]) -> Params:
    """Returns the values of all parameters, the default of each that is invalid."""
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
