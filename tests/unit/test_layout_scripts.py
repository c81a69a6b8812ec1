"""PostgreSQL in other directories and on other ports: pcs-scripts/ pass on what settings.sh has."""

from __future__ import annotations

from pathlib import Path

from paf_haproxy.params import PARAMETERS

from tests.tools import ROOT, pcs_calls
from tests.tools.resources import from_pcs

ELSEWHERE = {
    "PGBIN": "/opt/pg/bin",
    "PGDATA": "/srv/pg/data",
    "PGPORT": "5444",
    "PGSOCKET": "/srv/pg/socket",
    "REPLICATION_PORT": "5447",
}
DEFAULTS = {parameter.name: parameter.default for parameter in PARAMETERS}


def params(place: Path, environ: dict[str, str], name: str) -> dict[str, str]:
    done = pcs_calls.run("50-paf", "60-haproxy", place=place, environ=environ)
    assert done.code == 0, done.err
    return from_pcs(done.calls).primitives[name].params


def test_by_default_the_agent_needs_no_parameter(tmp_path: Path) -> None:
    assert params(tmp_path, {}, "haproxy") == {}
    settings = (ROOT / "pcs-scripts" / "60-haproxy.sh").read_text()
    for name in ("pgport", "pghost", "replication_port"):
        assert f" {DEFAULTS[name]}\n" in settings.partition(f"pass_on {name} ")[2]


def test_another_layout(tmp_path: Path) -> None:
    assert params(tmp_path, ELSEWHERE, "pgsqld") == {
        "bindir": "/opt/pg/bin",
        "pgdata": "/srv/pg/data",
        "pgport": "5444",
        "pghost": "/srv/pg/socket",
    }
    assert params(tmp_path, ELSEWHERE, "haproxy") == {
        "pgport": "5444",
        "pghost": "/srv/pg/socket",
        "replication_port": "5447",
    }


def test_what_is_named_explicitly_counts(tmp_path: Path) -> None:
    named = {**ELSEWHERE, "HAPROXY_OPTIONS": "maxconn=10 pgport=5555"}
    found = params(tmp_path, named, "haproxy")
    assert (found["pgport"], found["maxconn"]) == ("5555", "10")


def test_no_script_names_a_directory_of_its_own() -> None:
    for script in (ROOT / "pcs-scripts").glob("[0-9]*.sh"):
        text = script.read_text().replace('pass_on pghost "$PGSOCKET" /run/postgresql', "")
        assert "/run/postgresql" not in text, script.name
        assert "/var/lib/postgresql" not in text and "/usr/lib/postgresql" not in text, script.name
