"""The lab's client with a fixed rate, against a real HAProxy that lets connections wait."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from paf_lab.access import OPEN
from paf_lab.drill import programs
from tests.tools.node import PROD, STDBY, Cluster
from tests.tools.waiting import eventually

pytestmark = pytest.mark.usefixtures("fresh")

EVERY = 0.1
HELD = 2.0  # s
TABLE = (
    "CREATE SCHEMA IF NOT EXISTS drill",
    "CREATE TABLE IF NOT EXISTS drill.writes (client text, sequence bigint)",
    "TRUNCATE drill.writes",
    "GRANT USAGE ON SCHEMA drill TO app",
    "GRANT SELECT, INSERT ON drill.writes TO app",
)


def clients(address: str, output: Path) -> subprocess.Popen[str]:
    """Starts the client of a node; its records go to a file."""
    settings: dict[str, Any] = {
        "node": "srv1", "every": {OPEN: EVERY}, "targets": {}, "most": 1000, "first": 1,
        "transaction": 0, "seconds": 60, "patience": 5, "prod_port": PROD, "stdby_port": STDBY,
        "connect": {
            "host": address, "dbname": "postgres", "user": "app", "connect_timeout": 30,
            "sslmode": "disable", "gssencmode": "disable",
        },
    }  # fmt: skip
    words = ("/usr/bin/python3", programs.CLIENTS / "load.py")
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=output.open("w"), text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    return process


def test_requests_begin_while_others_wait(running: Cluster, tmp_path: Path) -> None:
    node = running.srv1
    for statement in TABLE:
        node.postgres.sql(statement)
    output = tmp_path / "records"
    process = clients(node.address, output)
    eventually(lambda: OPEN in output.read_text(), "a request is answered")
    began = time.monotonic()
    node.haproxy("set server prod/srv1 state maint")
    time.sleep(HELD)
    node.haproxy("set server prod/srv1 state ready")
    eventually(lambda: output.read_text().count(OPEN) > 2 * HELD / EVERY, "all are answered")
    lasted = time.monotonic() - began
    process.communicate(timeout=20)
    records = [json.loads(line) for line in output.read_text().splitlines()]
    found = [each for each in records if each["kind"] == OPEN]
    assert {each["outcome"] for each in found} == {"ack"}
    assert len(found) >= 0.9 * lasted / EVERY, "no request waits for the answer of another"
    waited = [each for each in found if each["end"] - each["start"] > 0.3]
    assert len(waited) >= 0.7 * HELD / EVERY, "each request that was due has waited"
