"""What is read from Pacemaker before a switchover."""

from __future__ import annotations

import pytest
from paf_haproxy.cli import outage
from paf_haproxy.cli.situation import read
from paf_haproxy.ocf import AgentError

MONITOR = """<pacemaker-result api-version="2.25" request="crm_mon">
  <summary>
    <current_dc present="true" name="srv3" id="3" with_quorum="{quorum}"/>
    <cluster_options stonith-enabled="true" maintenance-mode="{maintenance}"/>
  </summary>
  <resources>
    <resource id="fence" managed="true"/>
    <clone id="pgsqld-clone" managed="true">
      <resource id="pgsqld" role="Promoted" managed="{managed}"><node name="srv1"/></resource>
    </clone>
    <clone id="haproxy-clone" managed="true">
      <resource id="haproxy" role="Promoted" managed="true"><node name="srv1"/></resource>
    </clone>
  </resources>
  <node_attributes>
    <node name="srv1"><attribute name="master-pgsqld" value="1001"/></node>
    <node name="srv2">
      <attribute name="master-haproxy" value="1"/><attribute name="master-pgsqld" value="-1"/>
    </node>
  </node_attributes>
  <failures>
    <failure op_key="pgsqld_monitor_15000" node="srv2" exitstatus="error"/>
    <failure op_key="haproxy_start_0" node="srv3" exitstatus="error"/>
  </failures>
</pacemaker-result>
"""
CONSTRAINTS = """<constraints>
  <rsc_location id="cli-prefer-pgsqld-clone" rsc="pgsqld-clone" node="srv2"/>
  <rsc_location id="cli-ban-haproxy-clone-on-srv1" rsc="haproxy-clone" node="srv1"/>
  <rsc_location id="cli-ban-other-on-srv1" rsc="other" node="srv1"/>
  <rsc_location id="location-pgsqld" rsc="pgsqld-clone" node="srv1"/>
</constraints>
"""
WELL = {"quorum": "true", "maintenance": "false", "managed": "true"}


def test_everything_is_read() -> None:
    found = read(MONITOR.format(**WELL), CONSTRAINTS, "pgsqld-clone", "haproxy", idle=True)
    assert (found.quorum, found.idle, found.maintenance, found.unmanaged) == (True, True, False, ())
    assert found.constraints == (
        ("cli-prefer-pgsqld-clone", "pgsqld-clone"),
        ("cli-ban-haproxy-clone-on-srv1", "haproxy-clone"),
    )
    assert found.failed == ("srv2",)
    assert found.scores == {"srv1": 1001, "srv2": -1}


def test_what_is_not_well() -> None:
    values = {"quorum": "false", "maintenance": "true", "managed": "false"}
    found = read(MONITOR.format(**values), "<constraints/>", "pgsqld-clone", "haproxy", idle=False)
    assert (found.quorum, found.idle, found.maintenance) == (False, False, True)
    assert found.unmanaged == ("pgsqld",)
    assert found.constraints == ()


def test_another_clone() -> None:
    with pytest.raises(AgentError, match="there is no clone db-clone: correct the parameter"):
        read(MONITOR.format(**WELL), "<constraints/>", "db-clone", "haproxy", idle=True)


def test_the_queue_of_prod() -> None:
    text = "# pxname,svname,qcur,act\nprod,BACKEND,12,1\n\n"
    assert outage.read(text) == (12, 1)


@pytest.mark.parametrize("text", ["", "\n", "# pxname\nprod\n", "# qcur,act\nx,1\n"])
def test_no_answer_about_prod(text: str) -> None:
    with pytest.raises(AgentError, match="HAProxy tells nothing of prod"):
        outage.read(text)
