"""Files that HAProxy and the kernel write: a silent node, the postmaster's socket."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from paf_haproxy import postgres, rolefile, silence
from paf_haproxy.actions import reconcile
from paf_haproxy.params import Params
from paf_haproxy.rolefile import Role
from paf_haproxy.view import ClusterView

UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 4711 /var/run/postgresql/.s.PGSQL.5434
0000000000000000: 00000003 00000000 00000000 0001 03 4712 /run/postgresql/.s.PGSQL.5434
0000000000000000: 00000002 00000000 00010000 0001 01 4713 /run/other/.s.PGSQL.5434
0000000000000000: 00000002 00000000 00010000 0001 01 4714 /run/postgresql/.s.PGSQL.54341
0000000000000000: 00000003 00000000 00000000 0001 03 4715
"""


def params(statedir: Path, pghost: str = "/run/postgresql") -> Params:
    return Params({"statedir": str(statedir), "pghost": pghost, "pgport": 5434})


@pytest.mark.parametrize(
    ("directory", "number"),
    [
        ("/run/postgresql", "4711"),
        ("/var/run/postgresql", "4711"),
        ("/run/other", "4713"),
        ("/run/none", None),
    ],
)
def test_the_socket_that_postgresql_listens_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, number: str | None
) -> None:
    file = tmp_path / "unix"
    file.write_text(UNIX)
    monkeypatch.setattr(postgres, "SOCKETS", str(file))
    assert postgres.listening(params(tmp_path, directory)) == number


def test_a_link_leads_to_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL moves from 5432 to 5434 (pcs-scripts/75-move-port.sh)."""
    file, directory = tmp_path / "unix", tmp_path / "socket"
    file.write_text(UNIX.replace("/var/run/postgresql", str(directory)).replace("5434", "5432"))
    directory.mkdir()
    monkeypatch.setattr(postgres, "SOCKETS", str(file))
    found = params(tmp_path, str(directory))
    assert postgres.listening(found) is None
    (directory / ".s.PGSQL.5434").symlink_to(".s.PGSQL.5432")
    assert postgres.listening(found) == "4711"


def test_a_postmaster_that_has_ended_meanwhile_is_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "unix"
    file.write_text(UNIX)
    monkeypatch.setattr(postgres, "SOCKETS", str(file))
    assert not postgres.note(params(tmp_path), "4700")
    assert not (tmp_path / "confirmed").exists()
    assert postgres.note(params(tmp_path), "4711")
    assert (tmp_path / "confirmed").read_text() == "production 4711\n"


def silent(statedir: Path, text: str, age: float = 0) -> silence.Silence | None:
    file = statedir / "memory" / "silent"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    os.utime(file, (time.time() - age, time.time() - age))
    return silence.read(str(statedir))


def test_a_silent_node(tmp_path: Path) -> None:
    assert silence.read(str(tmp_path)) is None
    found = silent(tmp_path, "srv1 unknown 17-2 31 any 1795000000\n")
    assert found and (found.node, found.trusted) == ("srv1", False)
    assert (found.chain, found.seconds, found.standby) == ("17-2", 31, False)
    assert silent(tmp_path, "srv1 unknown 17-2 31 any 1795000000\n", age=6) is None, "long ago"
    found = silent(tmp_path, "srv1 unknown 17-2 31 standby 1795000000\n")
    assert found and found.standby
    old = silent(tmp_path, "srv1 unknown 17-2 31 1795000000\n")
    assert old and (old.seconds, old.standby) == (31, False), "a worker from before an upgrade"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "srv1",
        "srv1 trusted 17-2 -1 any 1\n",
        "srv1 trusted 17-2 x any 1\n",
        "srv1 trusted 17-2 1 any 1 1\n",
        "\x00" * 600,
    ],
)
def test_a_report_of_another_form_counts_for_nothing(tmp_path: Path, text: str) -> None:
    assert silent(tmp_path, text) is None


def test_a_report_that_is_a_link_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "other").write_text("srv1 trusted 17-2 31 1795000000\n")
    (tmp_path / "memory" / "silent").symlink_to(tmp_path / "other")
    assert silence.read(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("primary", "seconds", "promoted", "vouched"),
    [
        ("srv1", 45, None, "srv1 17-2\n"),
        ("srv1", 44, None, None),
        ("srv2", 46, None, None),
        (None, 46, None, None),
        # PostgreSQL has not been restarted since before its promotion.
        ("srv1", 5, 2.0, "srv1 17-2\n"),
        ("srv1", 5, 2.1, None),
        ("srv2", 5, 1.0, None),
        ("srv1", 45, 86400.0, "srv1 17-2\n"),
    ],
)
def test_vouching_takes_time_and_the_right_node(
    tmp_path: Path,
    primary: str | None,
    seconds: int,
    promoted: float | None,
    vouched: str | None,
) -> None:
    silent = silence.Silence("srv1", False, "17-2", seconds)
    reconcile.vouch(params(tmp_path), ClusterView(primary), silent, promoted)
    file = tmp_path / "vouched"
    assert (file.read_text() if file.exists() else None) == vouched


@pytest.mark.parametrize(
    ("primary", "seconds", "vouched"),
    [("srv1", 5, "srv1 17-2\n"), ("srv2", 5, None), (None, 5, None)],
)
def test_a_chain_that_began_on_a_standby_needs_no_time(
    tmp_path: Path, primary: str | None, seconds: int, vouched: str | None
) -> None:
    """A notification of the promotion that came late, or not at all, does not count here."""
    silent = silence.Silence("srv1", False, "17-2", seconds, standby=True)
    reconcile.vouch(params(tmp_path), ClusterView(primary), silent, 60.0)
    file = tmp_path / "vouched"
    assert (file.read_text() if file.exists() else None) == vouched


def test_when_the_primary_was_promoted(tmp_path: Path) -> None:
    its = params(tmp_path)
    role = Role(ClusterView("srv1"), event="post-promote")
    assert reconcile.promoted_for(its, role) is None, "there is no role file"
    rolefile.save(its.statedir, role)
    file = Path(rolefile.path(its.statedir))
    os.utime(file, (time.time() - 7, time.time() - 7))
    since = reconcile.promoted_for(its, role)
    assert since is not None and 7 <= since < 60
    assert reconcile.promoted_for(its, role.after("monitor")) is None
    os.utime(file, (time.time() + 99, time.time() + 99))
    assert reconcile.promoted_for(its, role) is None, "the clock was set back"
