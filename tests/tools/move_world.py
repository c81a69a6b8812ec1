"""Stand-ins for what pcs-scripts/75-move-port.sh calls: a node with PostgreSQL, and its cluster."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import ROOT

SCRIPT = ROOT / "pcs-scripts" / "75-move-port.sh"
RUNUSER = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
PSQL = r"""
while [ "$#" -gt 2 ]; do [ "$1" = -p ] && port=$2; shift; done
[ "$port" = "$(sed -n 4p "$WORLD/data/postmaster.pid")" ] || exit 2
echo "sql: $2" >>"$WORLD/log"
case $2 in
ALTER*port*) echo "${2##* }" >"$WORLD/configured" ;;
*pg_is_in_recovery*) cat "$WORLD/role" ;;
*wal_receiver*) echo streaming ;;
esac"""
PG_CTL = r"""
case "$*" in
*stop) echo stop >>"$WORLD/log"; rm "$WORLD/data/postmaster.pid" ;;
*start)
    echo "start $(cat "$WORLD/configured")" >>"$WORLD/log"
    printf '1\n2\n3\n%s\n' "$(cat "$WORLD/configured")" >"$WORLD/data/postmaster.pid" ;;
esac"""
CRM_RESOURCE = r"""
case "$*" in
*--get-parameter*) cat "$WORLD/$2.$4" 2>/dev/null ;;
*--locate) cat "$WORLD/located" ;;
*) echo "crm_resource $*" >>"$WORLD/log" ;;
esac"""
PCS = r"""
if [ "$1 $2" = "cluster cib" ]; then touch "$3"; exit; fi
if [ "$1 $2" = "cluster cib-push" ]; then echo push >>"$WORLD/log"; exit; fi
shift 2
echo "$*" >>"$WORLD/log"
case "$*" in
*maintenance=true) touch "$WORLD/left-alone" ;;
*maintenance=) rm -f "$WORLD/left-alone" ;;
*"update haproxy pgport="*)
    [ -e "$WORLD/rejects" ] || echo "{\"pgport\": \"${4#*=}\"}" >"$WORLD/parameters" ;;
esac"""
STAND_INS = {
    "runuser": RUNUSER,
    "psql": PSQL,
    "pg_ctl": PG_CTL,
    "postgres": 'cat "$WORLD/configured"',
    "pg_isready": 'grep -qx "${*: -3:1}" "$WORLD/listening"',
    "crm_resource": CRM_RESOURCE,
    "crm_attribute": 'echo "crm_attribute $*" >>"$WORLD/log"',
    "cibadmin": '[ -e "$WORLD/left-alone" ]',
    "pcs": PCS,
    "paf-haproxy": '[ ! -e "$WORLD/disagrees" ]',
    "uname": "echo srv1",
}


@dataclass(frozen=True)
class Outcome:
    """log: what was done, in order."""

    code: int
    err: str
    log: list[str]


class World:
    """Files below a directory. At first: srv1, a primary on 5432; srv2 and srv3 on 5434."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "bin").mkdir()
        (place / "data").mkdir()
        (place / "socket").mkdir()
        for name, text in STAND_INS.items():
            program = place / "bin" / name
            program.write_text(f"#!/bin/bash\n{text}\n")
            program.chmod(0o755)
        self.runs_on("5432")
        self.put("configured", "5432")
        self.put("role", "primary")
        self.put("listening", "srv2", "srv3")
        self.put("haproxy.pgport", "5432")
        self.put("haproxy.prod_port", "5442")
        self.put("pgsqld.pgport", "5432")
        where = ("srv1 Promoted", "srv2", "srv3")
        self.put("located", *(f"resource pgsqld-clone is running on: {each}" for each in where))

    def put(self, name: str, *lines: str) -> None:
        (self.place / name).write_text("".join(f"{line}\n" for line in lines))

    def remove(self, name: str) -> None:
        (self.place / name).unlink()

    def runs_on(self, port: str) -> None:
        self.put("data/postmaster.pid", "1", "2", "3", port)

    def run(self, step: str, **environ: str) -> Outcome:
        self.put("log")
        done = subprocess.run(
            ["bash", str(SCRIPT), step],
            env={
                "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}",
                "WORLD": str(self.place),
                "PGBIN": str(self.place / "bin"),
                "PGDATA": str(self.place / "data"),
                "PGSOCKET": str(self.place / "socket"),
                "STATEDIR": str(self.place),
                "PATIENCE": "1",
                **environ,
            },
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stderr, (self.place / "log").read_text().splitlines())
