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
