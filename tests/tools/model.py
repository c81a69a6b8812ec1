"""HAProxy's servers as the agent sees them over the runtime socket: small, pure, and held to what
the real HAProxy does by tests/func/test_model.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from paf_haproxy.routing import DRAIN, MAINT, PROD, READY, STDBY

if TYPE_CHECKING:
    from paf_haproxy.routing import Server

ADMIN_BITS = {READY: 0x00, MAINT: 0x01, DRAIN: 0x08}
COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl "
    "srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
NO_SUCH_SERVER = "No such server."
NO_SUCH_BACKEND = "No such backend."


class ModelServer:
    """state: administrative. agent: whether the last word of the agent-check is up. sessions: of
    clients that were there before.
    """

    def __init__(self, state: str, agent: bool = True) -> None:
        self.state = state
        self.agent = agent
        self.sessions = True

    @property
    def up(self) -> bool:
        """Whether it counts as up. That the instance is alive is taken for granted."""
        return self.state != MAINT and self.agent

    @property
    def usable(self) -> bool:
        """Whether a new connection can be led to it."""
        return self.state == READY and self.agent


class Model:
    """One HAProxy. Every server that is not mentioned is in maintenance, as after its start, and
    its agent-check said up when it was last asked: the worst case.
    """

    def __init__(self, states: Mapping[Server, str]) -> None:
        self.servers = {server: ModelServer(state) for server, state in states.items()}

    @classmethod
    def fresh(cls, nodes: Iterable[str]) -> Model:
        return cls({(pool, node): MAINT for node in nodes for pool in (PROD, STDBY)})

    @property
    def states(self) -> dict[Server, str]:
        return {name: server.state for name, server in self.servers.items()}

    def ready(self, pool: str = PROD) -> set[str]:
        """Returns the nodes whose server in the pool is administratively ready."""
        return {
            node
            for (of, node), server in self.servers.items()
            if (of, server.state) == (pool, READY)
        }

    def run(self, command: str) -> str:
        """Runs one command. Returns HAProxy's objection, empty if there is none."""
        words = command.split()
        if words[:3] == ["shutdown", "sessions", "server"] and len(words) == 4:
            server = self._find(words[3])
            if isinstance(server, str):
                return server
            server.sessions = False
            return ""
        if words[:2] != ["set", "server"] or len(words) != 5:
            return f"Unknown command: '{command}'"
        server = self._find(words[2])
        if isinstance(server, str):
            return server
        if words[3] == "agent" and words[4] in ("up", "down"):
            server.agent = words[4] == "up"
            return ""
        if words[3] == "state" and words[4] in ADMIN_BITS:
            server.state = words[4]
            return ""
        return f"Unknown command: '{command}'"

    def show_servers_state(self) -> str:
        lines = ["1", f"# {COLUMNS}"]
        for number, ((pool, node), server) in enumerate(self.servers.items(), start=1):
            lines.append(
                f"2 {pool} {number} {node} 127.0.0.1 {2 if server.up else 0} "
                f"{ADMIN_BITS[server.state]} 1 1 0 1 0 0 14 22 0 0 - 5434 - 0 0 - - 5435"
            )
        return "\n".join(lines) + "\n"

    def _find(self, name: str) -> ModelServer | str:
        """Returns the server, or HAProxy's objection."""
        pool, _, node = name.partition("/")
        if pool not in {each for each, _ in self.servers}:
            return NO_SUCH_BACKEND
        return self.servers.get((pool, node), NO_SUCH_SERVER)
