"""The states that a new worker takes over from the last one."""

from __future__ import annotations

from paf_haproxy.launch import handed_on
from paf_haproxy.params import parse

STATES = """\
1
# be_id be_name srv_name srv_addr srv_port srv_check_port srv_agent_addr srv_agent_port
2 prod hold - 0 0 - 0
2 prod srv1 10.0.0.1 5434 0 127.0.0.1 5435
"""


def test_ports_are_those_of_the_new_configuration() -> None:
    lines = handed_on(STATES, parse({"pgport": "5444"})).splitlines()
    assert lines[:3] == STATES.splitlines()[:3]
    assert lines[3] == "2 prod srv1 10.0.0.1 5444 0 - 0"


def test_a_template_may_have_ports_of_its_own() -> None:
    lines = handed_on(STATES, parse({"pgport": "5444", "template": "/x.j2"})).splitlines()
    assert lines[3] == "2 prod srv1 10.0.0.1 5434 0 - 0"


def test_a_server_that_is_down_begins_in_maintenance() -> None:
    states = """\
1
# be_id be_name srv_name srv_op_state srv_admin_state srv_port
2 prod hold 2 0 0
2 prod srv1 0 8 5434
2 prod srv2 0 0 5434
3 stdby srv2 2 0 5434
4 replication srv2 0 0 5434
"""
    lines = handed_on(states, parse({})).splitlines()
    assert [line.split()[4] for line in lines[2:]] == ["0", "9", "1", "0", "0"]
