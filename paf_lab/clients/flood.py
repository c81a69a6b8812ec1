"""Floods the ports that tell the role with new connections, one after the other, and counts what
comes back.

rate: connections a second that are tried for, over all targets and processes. at_a_time: how many
are under way at most in each process. Each connection is opened, asks if it has to, reads up to the
end and is closed.

The answers are told by time: "answers" has a row [address, port, answer, began, ended, number] for
each answer and each EVERY s in which connections were opened; began and ended are s of the epoch,
of the first connection and of the last answer.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections import Counter
from typing import Any

PATIENCE = 5.0  # s for a whole answer
EVERY = 0.1  # s
TEXTS = (b"production\n", b"standby\n", b"down\n")
STATUSES = (b"HTTP/1.1 200 ", b"HTTP/1.1 503 ", b"HTTP/1.0 200 ", b"HTTP/1.0 503 ")
REQUEST = b"GET /primary HTTP/1.1\r\nHost: flood\r\nConnection: close\r\n\r\n"


class Flood:
    """One process. targets: (address, port, whether it speaks HTTP)."""

    def __init__(
        self, targets: list[tuple[str, int, bool]], rate: float, seconds: float, at_a_time: int
    ) -> None:
        self.targets = targets
        self.rate = rate
        self.seconds = seconds
        self.at_a_time = at_a_time
        self.counts: Counter[str] = Counter()
        self.under_way: dict[int, tuple[socket.socket, bool, float, bytearray]] = {}
        self.asked: dict[int, tuple[str, int, float]] = {}
        self.answers: dict[tuple[str, int, str, int], list[float]] = {}
        self.poll = select.epoll()

    def run(self) -> Counter[str]:
        start = time.monotonic()
        end = start + self.seconds
        looked = start
        opened = 0
        while (now := time.monotonic()) < end or self.under_way:
            due = int((min(now, end) - start) * self.rate)
            while opened < due and len(self.under_way) < self.at_a_time and now < end:
                self.open(self.targets[opened % len(self.targets)], now)
                opened += 1
            # What was late is not made up for in a burst.
            opened = max(opened, due - self.at_a_time)
            for number, _ in self.poll.poll(0.005):
                self.proceed(number)
            if now - looked > 1:
                looked = now
                self.give_up(now)
        return self.counts

    def open(self, target: tuple[str, int, bool], now: float) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        self.counts["opened"] += 1
        if connection.connect_ex(target[:2]) not in (0, 115):  # EINPROGRESS
            self.counts["failed"] += 1
            connection.close()
            return
        number = connection.fileno()
        self.under_way[number] = connection, target[2], now, bytearray()
        self.asked[number] = target[0], target[1], time.time()
        self.poll.register(number, select.EPOLLOUT if target[2] else select.EPOLLIN)

    def proceed(self, number: int) -> None:
        connection, asks, began, answer = self.under_way[number]
        try:
            if asks and not answer and began > 0:
                connection.send(REQUEST)
                self.under_way[number] = connection, asks, -began, answer
                self.poll.modify(number, select.EPOLLIN)
                return
            chunk = connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            self.end(number, "failed")
            return
        if chunk:
            answer += chunk
            return
        right = answer.startswith(STATUSES) if asks else bytes(answer) in TEXTS
        if right:
            self.note(number, answer.split()[1 if asks else 0].decode())
        self.end(number, "right" if right else "wrong" if answer else "failed")

    def note(self, number: int, answer: str) -> None:
        address, port, began = self.asked[number]
        row = self.answers.setdefault((address, port, answer, int(began / EVERY)), [began, 0.0, 0])
        row[0] = min(began, row[0])
        row[1] = time.time()
        row[2] += 1

    def give_up(self, now: float) -> None:
        for number, (_, _, began, _) in list(self.under_way.items()):
            if now - abs(began) > PATIENCE:
                self.end(number, "failed")

    def end(self, number: int, outcome: str) -> None:
        connection = self.under_way.pop(number)[0]
        connection.close()  # which takes it out of the poll, too
        self.counts[outcome] += 1


def main() -> None:
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    targets = [(address, port, http) for address, port, http in settings["targets"]]
    processes, at_a_time = settings["processes"], settings.get("at_a_time", 200)
    pipes = []
    for _ in range(processes):
        read, write = os.pipe()
        if os.fork() == 0:
            rate = settings["rate"] / processes
            flood = Flood(targets, rate, settings["seconds"], at_a_time)
            counts = flood.run()
            answers = [[*key[:3], *row] for key, row in flood.answers.items()]
            told = [{**counts, "cpu": time.process_time()}, answers]
            with os.fdopen(write, "w") as pipe:
                json.dump(told, pipe)
            os._exit(0)
        os.close(write)
        pipes.append(read)
    began = time.monotonic()
    total: Counter[str] = Counter()
    every: list[list[Any]] = []
    for read in pipes:
        with os.fdopen(read) as pipe:
            counts, answers = json.loads(pipe.read() or "[{}, []]")
        total.update(counts)
        every += answers
    took = time.monotonic() - began
    print(json.dumps({**total, "seconds": took, "answers": every}), flush=True)


main()
