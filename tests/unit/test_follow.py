"""A HAProxy that systemd has started follows the role file."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy import rolefile
from paf_haproxy.actions import fast_monitor
from paf_haproxy.actions.follow import follow
from paf_haproxy.ocf import AgentError
from paf_haproxy.params import Params, parse
from paf_haproxy.rolefile import Role
from paf_haproxy.view import ClusterView

from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

NODES = ("srv1", "srv2", "srv3")
PROMOTED = 8


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return parse({"statedir": str(tmp_path)})


def serving() -> FakeHaproxy:
    return FakeHaproxy(Model.fresh(NODES))


class TestFollow:
    def test_a_new_haproxy_learns_what_the_node_remembers(self, params: Params) -> None:
        rolefile.save(params.statedir, Role(ClusterView("srv2"), True, "post-promote"))
        haproxy = serving()
        with haproxy.listen(Path(params.statedir) / "admin.sock"):
            assert follow(params.statedir) == 0
        assert haproxy.model.ready() == {"srv2"}

    def test_the_next_monitor_is_a_thorough_one(self, params: Params) -> None:
        Path(fast_monitor.path(params.statedir)).write_text("all is well")
        follow(params.statedir)
        assert not Path(fast_monitor.path(params.statedir)).exists()

    def test_the_last_word_counts(self, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
        """A notification comes while an older role is still on its way."""
        roles = [Role(ClusterView(name)) for name in ("srv1", "srv2", "srv2")]
        monkeypatch.setattr(rolefile, "load", lambda _: roles.pop(0))
        haproxy = serving()
        with haproxy.listen(Path(params.statedir) / "admin.sock"):
            follow(params.statedir)
        assert haproxy.model.ready() == {"srv2"}
        assert roles == []

    def test_before_the_first_start_there_is_nothing_to_follow(self, params: Params) -> None:
        assert follow(params.statedir) == 0

    def test_a_haproxy_that_is_gone_again_is_said(self, params: Params) -> None:
        rolefile.save(params.statedir, Role(ClusterView("srv2")))
        with pytest.raises(AgentError, match="does not listen"):
            follow(params.statedir)
