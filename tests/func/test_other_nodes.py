"""How a HAProxy asks the HAProxy of another node, which may be one of an older agent."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.tools.node import ROLE, Cluster
from tests.tools.waiting import always, eventually


@dataclass
class Other:
    """A role port. keeps: how many questions it answers on a connection; 0: that of an older agent,
    which answers one question for one pool, and knows the letters before anything else as the pool.
    """

    answers: dict[str, str]
    keeps: int = 0
    questions: list[list[str]] = field(default_factory=list)
    """Those about a pool, by connection."""

    def answer(self, question: str) -> str:
        pools = re.match(r"[a-z,]*", question)
        assert pools
        if self.keeps:
            return ";".join(self.answers[pool] for pool in pools.group().split(",")) + ";\n"
        return self.answers[pools.group().partition(",")[0]] + "\n"


@contextlib.contextmanager
def serve(address: str, other: Other) -> Iterator[None]:
    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked: list[str] = []
            for _ in range(max(1, other.keeps)):
                question = self.rfile.readline().decode()
                if not question.startswith(tuple(other.answers)):
                    return
                if not asked:
                    other.questions.append(asked)
                asked.append(question)
                self.wfile.write(other.answer(question).encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server((address, ROLE), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_an_older_agent_answers_for_each_pool(cluster: Cluster) -> None:
    srv1, srv2 = cluster.nodes
    other = Other({"prod": "down", "stdby": "up"})
    with serve(srv2.address, other):
        srv1.do("start")
        srv1.await_up("stdby/srv2")
        always(lambda: srv1.up("stdby/srv2"), "it stays", during=1)
        other.answers["stdby"] = "down"
        srv1.await_up("stdby/srv2", up=False, within=3)
        always(lambda: not srv1.up("stdby/srv2"), "it is not taken for silent", during=2)


def test_a_connection_that_has_ended_is_no_failure(cluster: Cluster) -> None:
    srv1, srv2 = cluster.nodes
    other = Other({"prod": "down", "stdby": "up"}, keeps=5)
    with serve(srv2.address, other):
        srv1.do("start")
        srv1.await_up("stdby/srv2")
        eventually(lambda: len(other.questions) > 3, "further connections")
        assert [len(asked) for asked in other.questions[:3]] == [5, 5, 5]
        other.answers["stdby"] = "down"
        srv1.await_up("stdby/srv2", up=False, within=3)
        always(lambda: not srv1.up("stdby/srv2"), "it is not taken for silent", during=2)


def test_the_connection_to_a_node_stays_open(running: Cluster) -> None:
    srv1, srv2 = running.nodes
    srv1.await_up("stdby/srv2")

    def connected() -> set[str]:
        """Returns the ports of the connections from srv1's HAProxy to the role port of srv2."""
        words = ["ss", "-Htnp", "state", "established", "dst", f"{srv2.address}:{ROLE}"]
        lines = subprocess.run(
            words, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        pids = [f"pid={pid}," for pid in srv1.pids()]
        return {line.split()[2] for line in lines if any(pid in line for pid in pids)}

    eventually(lambda: len(connected()) == 1, "one session")
    before = connected()
    always(lambda: connected() == before, "the same session", during=3)
    srv2.do("reload")
    eventually(lambda: connected() and connected() != before, "a session to the new process")


@contextlib.contextmanager
def accepting_nothing(address: str) -> Iterator[None]:
    """A port whose queue is full: a connection to it is neither accepted nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, ROLE))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((address, ROLE))
        yield


def test_a_node_that_accepts_no_connection_is_silent_soon(running: Cluster) -> None:
    """Its HAProxy ends, and each connection to it would last for seconds."""
    srv1, srv2 = running.nodes
    srv1.await_up("stdby/srv2")

    def silent() -> bool:
        return bool(json.loads(srv1.read(ROLE, b"view\n"))["silent"] == "srv2")

    assert not silent()
    srv2.kill()
    with accepting_nothing(srv2.address):
        eventually(silent, "two connections have failed", within=2)
        always(silent, "it stays silent", during=3)
    srv2.do("start")
    eventually(lambda: not silent(), "it answers", within=4)
