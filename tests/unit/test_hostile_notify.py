"""Notification environments as no Pacemaker sends them: nothing strange gets past the agent."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paf_haproxy import log, main, pacemaker, rolefile
from paf_haproxy.ocf import ERR_GENERIC, SUCCESS, AgentError

from tests.tools.environments import META, NOTIFY
from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

NODES = ("srv1", "srv2", "srv10")
SERVER = "(prod|stdby)/(srv1|srv2|srv10)"
COMMAND = re.compile(
    f"set server {SERVER} (state (ready|drain|maint)|agent down)"
    f"|shutdown sessions server {SERVER}|show sess"
)
names = st.one_of(
    st.sampled_from([*NODES, "srv", "srv1;show info", "srv1\nsrv2", "srv1,srv2", "=", "hold"]),
    st.sampled_from(["srv1\x1b[2J", "srv1\x00", "é", "\udcff", "../role", "$(id)", "a" * 5000]),
    st.text(max_size=12),
)
values = st.one_of(
    st.lists(st.sampled_from(NODES), max_size=3).map(" ".join),
    st.lists(names, max_size=4).map(" ".join),
    st.text(string.printable, max_size=30),
)
keys = st.sampled_from(
    [
        *(
            f"{NOTIFY}{what}_uname"
            for what in ("promote", "demote", "promoted", "master", "start", "stop")
        ),
        f"{META}on_node",
        f"{META}timeout",
        f"{META}interval",
        "OCF_RESOURCE_INSTANCE",
    ]
)
kinds = st.sampled_from(["pre", "post", "", "pre\npost", "x" * 3000])
operations = st.sampled_from(["promote", "demote", "start", "stop", "", "; promote", "\x1b"])
notice = st.tuples(kinds, operations, st.dictionaries(keys, values, max_size=8))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("state")


@given(st.lists(notice, min_size=1, max_size=4))
@example([(kind, "promote", {f"{NOTIFY}promote_uname": "srv1"}) for kind in ("pre", "post")])
def test_whatever_it_is_told(
    directory: Path, notices: list[tuple[str, str, dict[str, str]]]
) -> None:
    """An exit code of its own, printable lines, known commands, and a role file to go on from."""
    (directory / "role").unlink(missing_ok=True)
    haproxy = FakeHaproxy(Model.fresh(NODES))
    said: list[str] = []
    with (
        haproxy.listen(directory / "admin.sock"),
        mock.patch.object(log, "_say", said.append),
        mock.patch("syslog.syslog", lambda *_: None),
        mock.patch.object(pacemaker, "members", lambda: frozenset({"nowhere", "srv10"})),
    ):
        for kind, operation, more in notices:
            environ = {
                "OCF_RESKEY_statedir": str(directory),
                f"{NOTIFY}type": kind,
                f"{NOTIFY}operation": operation,
                **more,
            }
            with mock.patch.object(os, "environ", environ):
                assert main.run("notify") in (SUCCESS, ERR_GENERIC)
            try:
                rolefile.load(str(directory))
            except AgentError as error:
                pytest.fail(f"it wrote what it cannot read: {error.reason}")
            assert len(haproxy.model.ready()) <= 1
    assert all(line.isprintable() for line in said)
    assert all(COMMAND.fullmatch(command) for command in haproxy.commands), haproxy.commands
