"""During an upgrade, the HAProxy of another node answers for one pool at a time."""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator

from tests.tools.node import ROLE, Cluster
from tests.tools.waiting import always


@contextlib.contextmanager
def older(address: str, answers: dict[bytes, bytes]) -> Iterator[None]:
    """The role port of an older agent: it knows the letters before anything else as the pool."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            pool = re.match(rb"[a-z]*", self.rfile.readline())
            assert pool
            self.wfile.write(answers.get(pool.group(), b"down") + b"\n")

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


def test_each_pool_has_its_answer(cluster: Cluster) -> None:
    srv1, srv2 = cluster.nodes
    answers = {b"prod": b"down", b"stdby": b"up"}
    with older(srv2.address, answers):
        srv1.do("start")
        srv1.await_up("stdby/srv2")
        always(lambda: srv1.up("stdby/srv2"), "it stays", during=1)
        answers[b"stdby"] = b"down"
        srv1.await_up("stdby/srv2", up=False, within=3)
        always(lambda: not srv1.up("stdby/srv2"), "it is not taken for silent", during=2)
