"""How long it takes to connect and to get the answer to SELECT 1, by several ways in turn."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from typing import Any

import psycopg2


def once(target: dict[str, Any]) -> tuple[float, float]:
    """Returns s until the session stood, and s from there to the answer."""
    start = time.perf_counter()
    connection = psycopg2.connect(**target)
    stood = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        return stood - start, time.perf_counter() - stood
    finally:
        connection.close()


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in settings["targets"]}
    for target in settings["targets"].values():
        once(target)
    order = deque(settings["targets"].items())
    for _ in range(settings["rounds"]):
        for name, target in order:
            found[name].append(once(target))
        order.rotate()  # what comes after a slower one is not always the same
    print(json.dumps(found), flush=True)


main()
