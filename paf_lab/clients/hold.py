"""Sessions that stay: one more for each line of the standard input, until it is closed.

The first line has the settings: connect (libpq's parameters). Each further line opens a session,
and is answered by a line of JSON: how many there are, and how many of them still answer.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import psycopg2

QUESTION = "SELECT 1"


def answers(session: Any) -> bool:
    try:
        with session.cursor() as cursor:
            cursor.execute(QUESTION)
            return bool(cursor.fetchone() == (1,))
    except psycopg2.Error:
        return False


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    sessions: list[Any] = []
    while sys.stdin.readline():
        error = ""
        try:
            session = psycopg2.connect(**settings["connect"])
            session.autocommit = True
            sessions.append(session)
        except psycopg2.Error as why:
            error = str(why).strip().partition("\n")[0][:200]
        alive = sum(answers(each) for each in sessions)
        told = {"sessions": len(sessions), "alive": alive, "error": error}
        print(json.dumps(told), flush=True)


main()
