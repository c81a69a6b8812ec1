"""Every parameter of the agent: its default, its text, and how its value is read."""

from __future__ import annotations

from . import values as read
from .context import DEFAULT_KEEPDIR, DEFAULT_STATEDIR
from .ocf import ERR_CONFIGURED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    Value = TypeVar("Value")


class Parameter:
    """One parameter. kind: 'string' or 'integer', as OCF's metadata knows them."""

    __slots__ = ("default", "kind", "name", "read", "text")

    def __init__(
        self, default: str, read: Callable[[str], object], text: str, kind: str = "string"
    ) -> None:
        self.name = ""
        self.default = default
        self.read = read
        self.text = text
        self.kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, params: Params | None, owner: type) -> Parameter:
        """Returns itself for the class. An instance comes here only if it lacks the value."""
        if params is None:
            return self
        raise AttributeError(self.name)


def parameter(default: str, read: Callable[[str], Value], text: str, kind: str = "string") -> Value:
    """Declares a parameter. For the type checker its value has the type that `read` returns."""
    return Parameter(default, read, text, kind)  # type: ignore[return-value]


class Params:
    """The validated values, by attribute: params.prod_port is an int, params.hold_timeout ms."""

    # fmt: off
    nodes = parameter("", read.nodes,
        "Nodes that run PostgreSQL, as 'srv1 srv2=10.0.0.2'. Default: the nodes of"
        " the cluster, by the names that Pacemaker knows.")
    pgsql_clone = parameter("pgsqld-clone", read.word, "The clone of the PAF resource")
    hold_timeout = parameter("30s", read.duration(0, 600_000),
        "How long a new connection to prod or to the replication port waits for a primary;"
        " 0: it is refused at once")
    bind = parameter("*", read.bind_address,
        "Address that HAProxy listens on. *: all addresses, those of IPv6 too if the machine"
        " has IPv6. The replication port listens on the loopback interface alone")
    prod_port = parameter("5432", read.port, "Port of the primary, read-write", "integer")
    stdby_port = parameter("5433", read.port, "Port of the standbys, read-only", "integer")
    replication_port = parameter("5437", read.port,
        "Port on 127.0.0.1 and ::1 through which the standby of this node reaches the"
        " primary: primary_conninfo = 'host=127.0.0.1 port=5437 ...'. It has a connection"
        " limit and a queue of its own, and never leads to the PostgreSQL of this node."
        " Change it only if another program uses the port, and change primary_conninfo on"
        " every node with it",
        "integer")
    state_port = parameter("5431", read.port,
        "Port that answers with the role of this node as text", "integer")
    role_port = parameter("5435", read.port,
        "Port on which the HAProxys of the other nodes ask for the role of this node", "integer")
    stats_port = parameter("7000", read.port,
        "Port of the statistics page and of /metrics", "integer")
    rest_port = parameter("8008", read.port,
        "Port that answers with the role over HTTP, as Patroni's REST API does", "integer")
    state_allow = parameter("", read.networks,
        "Networks that may connect to the state port, as '10.0.0.0/8 fd00::/8'. Empty: all")
    role_allow = parameter("", read.networks,
        "Networks that may connect to the role port besides the addresses of the nodes. Empty:"
        " all. If you name some, name every network from which a node may connect: a node"
        " with several addresses may use another one than its name resolves to")
    stats_allow = parameter("", read.networks,
        "Networks that may connect to the statistics port. Empty: all")
    rest_allow = parameter("", read.networks,
        "Networks that may connect to the REST port. Empty: all")
    stats_auth = parameter("", read.optional_path,
        "File with one line user:password that only root can read. If it is set, the pages of"
        " the statistics port need this login")
    tls_cert = parameter("", read.optional_path,
        "PEM file with certificate and key: the statistics and the REST port use TLS")
    pgport = parameter("5434", read.port, "Port of PostgreSQL itself, on every node", "integer")
    pghost = parameter("/run/postgresql", read.path, "Directory of PostgreSQL's Unix socket")
    pguser = parameter("haproxy", read.word,
        "PostgreSQL role with which HAProxy asks PostgreSQL for its role, by peer authentication")
    pgdatabase = parameter("postgres", read.word, "Database that pguser connects to")
    system_user = parameter("postgres", read.word,
        "OS user and PostgreSQL role with which the agent confirms a promotion, by peer"
        " authentication")
    user = parameter("haproxy", read.word, "OS user of the HAProxy processes")
    group = parameter("haproxy", read.word, "OS group of the HAProxy processes")
    max_lag = parameter("0", read.size,
        "Most bytes of WAL by which a standby may lag and still get new connections to stdby,"
        " such as 16MB. 0: no limit")
    max_lag_time = parameter("10s", read.duration(0),
        "How long a standby must lag by more than max_lag before it gets no new connections")
    standby_timeout = parameter("30s", read.duration(6000, 600_000),
        "How long a standby may give no answer before it leaves stdby and its sessions are closed")
    standby_fallback = parameter("none", read.fallback,
        "Which server serves stdby if no standby is left: none, or primary")
    stdby_balance = parameter("leastconn", read.balance,
        "How a reader's standby is chosen: leastconn, the one with the fewest connections, or"
        " source, always the same one for a client address while the same standbys are there."
        " Set source if a program opens several connections and needs one standby for all of"
        " them, such as pg_dump -j")
    old_workers = parameter("10", read.number(1, 1000),
        "Most HAProxy processes that finish their sessions after reloads. If there are more,"
        " the oldest is ended", "integer")
    old_worker_age = parameter("7d", read.duration(1000),
        "How long such a process may go on after a reload before its sessions are ended")
    maxconn = parameter("2000", read.number(10, 1_000_000),
        "Most connections at a time to each pool", "integer")
    server_maxconn = parameter("0", read.number(0, 1_000_000),
        "Most connections at a time that the HAProxy of one node opens to the PostgreSQL of"
        " one node, for each pool; more wait up to hold_timeout. 0: as many as PostgreSQL"
        " accepts. Set it if clients should wait instead of being refused with 'too many"
        " clients':"
        " max_connections divided by the number of nodes, if clients use all nodes alike",
        "integer")
    session_timeout = parameter("24d", read.duration(1000), "How long a session may be idle")
    client_keepalive = parameter("40s", read.keepalive,
        "How long the machine of an idle client may be unreachable before its session is"
        " closed and its locks are released (TCP keepalive). 0: no limit. Raise it if"
        " networks between clients and nodes fail for longer than that")
    pooler = parameter("", read.optional_path,
        "Directory of the Unix socket of this node's PgBouncer, such as /run/postgresql: in a"
        " planned change of primary its sessions go on. Empty: there is no PgBouncer")
    pooler_port = parameter("6432", read.port, "Port of this node's PgBouncer", "integer")
    pooler_wait = parameter("2s", read.duration(100, 10_000),
        "How long a planned change of primary waits for open transactions of PgBouncer before"
        " PostgreSQL stops. It needs a constraint: PAF's demote comes after HAProxy's"
        " (70-constraints.sh). Without it, PostgreSQL stops meanwhile")
    crash_reports = parameter("6", read.number(0, 1000),
        "Most crashes of a node's PostgreSQL in an hour that are reported to Pacemaker at"
        " once, after PAF's own monitor has confirmed each; PAF's recurring monitor finds a"
        " crash up to 15 s later. 0: none is reported", "integer")
    check_interval = parameter("50ms", read.duration(10, 60_000),
        "Pause between two questions to a node for its role")
    server_interval = parameter("2s", read.duration(100, 60_000),
        "Time between two checks that PostgreSQL answers on the network")
    stop_grace = parameter("2s", read.duration(0, 600_000),
        "How long a stop lets open sessions go on before it ends them")
    log = parameter("/dev/log", read.log_target, "Where HAProxy logs: a Unix socket or a host")
    log_connections = parameter("no", read.yes_or_no,
        "yes: HAProxy logs every connection to prod and stdby when it ends, with the address"
        " and port of the client, the server, and the port from which HAProxy connected to"
        " PostgreSQL: the one that PostgreSQL logs and shows as client_port. no: only"
        " connections that fail")
    haproxy = parameter("/usr/sbin/haproxy", read.path, "The HAProxy program")
    template = parameter("", read.optional_path,
        "A Jinja2 template for haproxy.cfg instead of the agent's own")
    statedir = parameter(DEFAULT_STATEDIR, read.path,
        "Directory of the configuration, the role file and the runtime socket")
    keepdir = parameter(DEFAULT_KEEPDIR, read.path,
        "Directory on disk for the last valid configuration, which HAProxy starts with if the"
        " one that is asked for is rejected")
    # fmt: on

    def __init__(self, values: Mapping[str, object], raw: Mapping[str, str] | None = None) -> None:
        self.__dict__.update(values)
        self.raw = dict(raw or {})
        """The texts that they were read from, by name, without those that are not set."""

    @property
    def values(self) -> dict[str, object]:
        """A new dict of the values, by name."""
        return {name: value for name, value in self.__dict__.items() if name != "raw"}

    @property
    def ports(self) -> dict[str, int]:
        """The ports of this node's HAProxy, PostgreSQL and PgBouncer, by name. No two are equal."""
        names = [each.name for each in PARAMETERS if each.read is read.port]
        unused = () if self.pooler else ("pooler_port",)
        return {name: self.__dict__[name] for name in names if name not in unused}

    def copy(self) -> Params:
        """Returns the same values again, to change one of them."""
        return Params(self.values, self.raw)


PARAMETERS = tuple(each for each in vars(Params).values() if isinstance(each, Parameter))


def parse(raw: Mapping[str, str]) -> Params:
    """Returns the values of all parameters. Raises AgentError (ERR_CONFIGURED) that names the
    first one that is wrong. A raw name that is no parameter of ours is Pacemaker's own.
    """
    params = Params({each.name: _value(each, raw) for each in PARAMETERS}, _own(raw))
    taken: dict[int, str] = {}
    for name, number in params.ports.items():
        other = taken.setdefault(number, name)
        if other != name:
            raise AgentError(
                f"parameter {name}: '{number}': {other} has the same port", ERR_CONFIGURED
            )
    if params.session_timeout <= params.hold_timeout:
        # A client that waits sends nothing: HAProxy would end its session as an idle one.
        text = (
            f"parameter session_timeout: {raw.get('session_timeout', '')!r}: it must be longer than"
            f" hold_timeout, which is {params.hold_timeout}ms"
        )
        raise AgentError(text, ERR_CONFIGURED)
    return params


def _own(raw: Mapping[str, str]) -> dict[str, str]:
    return {each.name: raw[each.name] for each in PARAMETERS if raw.get(each.name)}


def parse_leniently(raw: Mapping[str, str], warn: Callable[[str], None]) -> Params:
    """Returns the values of all parameters, the default of each that is invalid."""
    values = {}
    for each in PARAMETERS:
        try:
            values[each.name] = _value(each, raw)
        except AgentError as error:
            warn(error.reason)
            values[each.name] = each.read(each.default)
    return Params(values)


def _value(of: Parameter, raw: Mapping[str, str]) -> object:
    text = raw.get(of.name, "") or of.default
    try:
        return of.read(text)
    except read.Refused as error:
        raise AgentError(f"parameter {of.name}: {text!r}: {error}", ERR_CONFIGURED) from error
