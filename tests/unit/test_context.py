"""The environment, read once."""

from __future__ import annotations

import pytest
from paf_haproxy.context import DEFAULT_STATEDIR, META, Context, Notice

from tests.tools import environments
from tests.unit.test_environments import NODES, switchover

LISTS = ("event", "promote", "demote", "promoted")


def fields(notice: Notice) -> list[object]:
    return [getattr(notice, name) for name in LISTS]


def test_a_notice() -> None:
    notice = Notice.from_environ(switchover("post-promote"))
    assert fields(notice) == ["post-promote", ("srv2",), ("srv1",), ("srv1",)]


def test_a_list_of_one_space_is_empty() -> None:
    environ = environments.notification(
        "pre-promote", "srv3", all_nodes=NODES, unpromoted=["srv2", "srv3"], promote=["srv2"]
    )
    assert environ[META + "notify_promoted_uname"] == environ[META + "notify_demote_uname"] == " "
    assert fields(Notice.from_environ(environ)) == ["pre-promote", ("srv2",), (), ()]


def test_the_names_of_pacemaker_2_0_are_not_read() -> None:
    environ = switchover()
    assert META + "notify_master_uname" in environ
    new = {key: value for key, value in environ.items() if "master_" not in key}
    assert fields(Notice.from_environ(new)) == fields(Notice.from_environ(environ))
    environ = {META + "notify_promoted_uname": " ", META + "notify_master_uname": "srv2"}
    assert Notice.from_environ(environ).promoted == ()


def test_no_notification_at_all() -> None:
    assert fields(Notice.from_environ({})) == ["-", (), (), ()]


def test_a_context() -> None:
    context = Context.from_environ(
        "monitor",
        {
            "OCF_RESOURCE_INSTANCE": "lb",
            "OCF_RESKEY_prod_port": "6432",
            "OCF_RESKEY_crm_feature_set": "3.16.1",
            META + "interval": "4000",
            META + "timeout": "2500",
            META + "on_node": "srv2",
            "PATH": "/bin",
        },
        "elsewhere",
    )
    assert (context.action, context.node, context.instance) == ("monitor", "srv2", "lb")
    assert (context.interval, context.timeout) == (4000, 2.5)
    assert context.parameters == {"prod_port": "6432", "crm_feature_set": "3.16.1"}


def test_a_context_by_hand() -> None:
    context = Context.from_environ("start", {}, "srv9")
    assert (context.node, context.instance, context.interval) == ("srv9", "haproxy", 0)
    assert (context.timeout, context.statedir) == (20.0, DEFAULT_STATEDIR)


@pytest.mark.parametrize("text", ["", "-1", "1e9", "٣", "soon", " "])
def test_numbers_that_are_none(text: str) -> None:
    context = Context.from_environ("start", {META + "interval": text, META + "timeout": text}, "n")
    assert (context.interval, context.timeout) == (0, 20.0)


def test_statedir() -> None:
    environ = {"OCF_RESKEY_statedir": "/run/other"}
    assert Context.from_environ("notify", environ, "n").statedir == "/run/other"
    assert (
        Context.from_environ("notify", {"OCF_RESKEY_statedir": ""}, "n").statedir
        == DEFAULT_STATEDIR
    )
