"""`paf-haproxy check`: what it finds in the CIB, in versions, names and the clock."""

from __future__ import annotations

import re
from typing import Any

import pytest
from paf_haproxy.actions import reconcile
from paf_haproxy.cli import checks_operations
from paf_haproxy.cli.outcome import WRONG, Missing
from paf_haproxy.cli.readiness import FINE, NOTE

from tests.tools import ROOT
from tests.unit.check_world import (
    DEMOTE,
    POOLER,
    TURNED,
    added,
    assert_found,
    removed,
    replaced,
    version,
)

COLOCATION = "colocation-haproxy-clone-pgsqld-clone-INFINITY"
PAF_MONITOR = 'timeout="30s" role="Promoted" id="pgsqld'
STICKINESS = 'name="resource-stickiness" value="100"'
PROMOTE = 'id="order-pgsqld-clone-haproxy-clone-mandatory" symmetrical="false"'


@pytest.mark.parametrize(
    ("changes", "name", "outcome", "text", "do"),
    [
        # Resources
        ({"cib": Missing("cibadmin is not installed")}, "Pacemaker CIB", NOTE, "not known", ""),
        (replaced('id="haproxy-clone-meta_attributes-notify" name="notify" value="true"',
                  'id="haproxy-clone-meta_attributes-notify" name="notify" value="false"'),
         "resource", WRONG, "haproxy-clone lacks notify=true",
         "pcs -f ha resource meta haproxy-clone notify=true && pcs cluster cib-push"),
        (removed("nvpair", "haproxy-clone-meta_attributes-promotable"), "resource", WRONG,
         "haproxy-clone lacks promotable=true", "promotable=true"),
        (removed("nvpair", "pgsqld-clone-meta_attributes-notify"), "PAF resource", WRONG,
         "pgsqld-clone lacks notify=true", "pcs -f ha resource meta pgsqld-clone notify=true"),
        (removed("nvpair", "pgsqld-clone-meta_attributes-promotable"), "PAF resource", WRONG,
         "pgsqld-clone lacks promotable=true", "promotable=true"),
        (replaced('id="pgsqld-meta_attributes-migration-threshold" name="migration-threshold"'
                  ' value="5"/>', 'id="n" name="notify" value="true"/>'), "PAF resource", FINE,
         "gets notifications", ""),
        (removed("nvpair", "haproxy-clone-meta_attributes-interleave"), "interleave", WRONG,
         "haproxy-clone lacks interleave=true", "interleave=true"),
        (removed("clone", "haproxy-clone"), "resource", WRONG, "no resource of ocf:paf:haproxy",
         "60-haproxy.sh"),
        (removed("clone", "pgsqld-clone"), "PAF resource", WRONG, "there is no clone pgsqld-clone",
         "50-paf.sh"),
        (replaced('name="pgport" value="5434"', 'name="pgport" value="5432"'), "PAF pgport", WRONG,
         "PAF's pgport is 5432, parameter pgport of the agent is 5434",
         "crm_resource --resource haproxy --set-parameter pgport --parameter-value 5432"),
        (replaced(STICKINESS, 'name="resource-stickiness" value="11"'),
         "PAF stickiness", WRONG, "resource-stickiness is 11, needs 12",
         "--resource pgsqld --meta --set-parameter resource-stickiness --parameter-value 100"),
        (replaced(STICKINESS, 'name="resource-stickiness" value="12"'),
         "PAF stickiness", FINE, "12: a standby stays where it runs", ""),
        (replaced(STICKINESS, 'name="resource-stickiness" value="INFINITY"'), "PAF stickiness",
         FINE, "INFINITY: a standby stays where it runs", ""),
        (removed("nvpair", "pgsqld-meta_attributes-resource-stickiness"), "PAF stickiness", WRONG,
         "resource-stickiness is 1, needs 12", "--parameter-value 100"),
        (replaced('name="migration-threshold" value="INFINITY"',
                  'name="migration-threshold" value="3"'), "failures", WRONG,
         "migration-threshold is 3", "migration-threshold --parameter-value INFINITY"),
        (removed("nvpair", "haproxy-meta_attributes-migration-threshold"), "failures", FINE,
         "tried again after 30s", ""),
        (removed("nvpair", "haproxy-meta_attributes-failure-timeout"), "failures", WRONG,
         "no failure-timeout", "--meta --set-parameter failure-timeout --parameter-value 30s"),
        # Operations
        (removed("op", "haproxy-monitor-interval-4s"), "monitor", WRONG,
         "haproxy has no monitor of role Promoted",
         "resource op add haproxy monitor interval=4s timeout=20s role=Promoted"),
        (replaced('interval="4s"', 'interval="5000ms"'), "monitor", WRONG,
         "both roles have the interval 5 s", "resource op remove haproxy-monitor-interval-4s"),
        (replaced('interval="5s"', 'interval="11"'), "monitor", WRONG, "11 s (Unpromoted)",
         "resource op add haproxy monitor interval=5s"),
        (replaced('interval="5s"', 'interval="10s"'), "monitor", NOTE, "4 s and 5 s are usual",
         "resource op add"),
        (replaced('interval="5s"', 'interval="often"'), "monitor", NOTE, "not known", ""),
        (replaced('"haproxy-monitor-interval-4s"', '"m" enabled="false"'), "monitor", WRONG,
         "no monitor of role Promoted", "op add"),
        (replaced('name="notify" timeout="10s"', 'name="notify" timeout="5s"'), "notify", WRONG,
         "notify of haproxy may take 5 s, and needs 10 s",
         "haproxy-notify-interval-0s && pcs -f ha resource op add haproxy notify timeout=10s"),
        (removed("op", "haproxy-notify-interval-0s"), "notify", FINE, "may take 20 s", ""),
        (removed("op", "pgsqld-notify-interval-0s"), "PAF notify", WRONG, "may take 20 s, and",
         "resource op add pgsqld notify timeout=60s"),
        (removed("op", "pgsqld-monitor-interval-16s"), "PAF monitor", WRONG,
         "pgsqld has no monitor of role Unpromoted", "interval=16s timeout=10s role=Unpromoted"),
        (replaced(PAF_MONITOR, PAF_MONITOR.replace("30s", "31s")),
         "PAF timeout", WRONG, "every 15 s, at most 31 s long: more than 45 s together",
         "resource op remove pgsqld-monitor-interval-15s"),
        (replaced(PAF_MONITOR, PAF_MONITOR.replace("30s", "10s")),
         "PAF timeout", NOTE, "at most 10 s long: if the network loses packets",
         "resource op add pgsqld monitor interval=15s timeout=30s role=Promoted"),
        (replaced('interval="15s" timeout="30s"', 'interval="14s"'), "PAF timeout", NOTE,
         "every 14 s, at most 20 s long", "timeout=30s"),
        # The cluster
        (replaced('name="stonith-enabled" value="true"', 'name="stonith-enabled" value="false"'),
         "fencing", WRONG, "stonith-enabled is false", "pcs property set stonith-enabled=true"),
        (removed("primitive", "fence"), "fencing", WRONG, "there is no stonith resource",
         "30-fencing.sh"),
        (replaced('name="load-threshold" value="0%"', 'name="load-threshold" value="200%"'),
         "load-threshold", WRONG, "200%: above it", "pcs property set load-threshold=0%"),
        (removed("nvpair", "cib-bootstrap-options-load-threshold"), "load-threshold", WRONG,
         "80%, the default", "load-threshold=0%"),
        # Constraints
        (removed("rsc_colocation", COLOCATION), "colocation", WRONG, "nothing keeps haproxy-clone",
         "70-constraints.sh"),
        (replaced(' influence="false"', ""), "colocation", WRONG, "lacks influence=false",
         f"pcs -f ha constraint remove {COLOCATION} && pcs -f ha constraint colocation add Promoted"
         " haproxy-clone with Promoted pgsqld-clone INFINITY influence=false && pcs cluster"),
        (replaced('score="INFINITY"', 'score="100"'), "colocation", WRONG, "has score 100",
         "remove"),
        (replaced('with-rsc-role="Promoted"', 'with-rsc-role="Started"'), "colocation", WRONG,
         "nothing keeps", "70-constraints.sh"),
        (added('<rsc_colocation id="c" rsc="pgsqld-clone" with-rsc="haproxy-clone" score="1"/>'),
         "colocation", WRONG, "c places PostgreSQL by HAProxy", "constraint remove c"),
        (removed("rsc_order", "order-pgsqld-clone-haproxy-clone-mandatory"), "promote order", WRONG,
         "nothing promotes pgsqld-clone before haproxy-clone", "70-constraints.sh"),
        (replaced(PROMOTE, PROMOTE.replace("false", "true")), "promote order", WRONG,
         "lacks symmetrical=false", "then promote haproxy-clone symmetrical=false"),
        (replaced(PROMOTE, f'{PROMOTE} kind="Optional"'), "promote order", NOTE,
         "has kind Optional", "order promote pgsqld-clone"),
        (removed("rsc_order", "order-pgsqld-clone-haproxy-clone-Optional"), "demote order", NOTE,
         "may take CPU", "70-constraints.sh"),
        (replaced(DEMOTE, TURNED), "demote order", WRONG, "pooler is not set", "70-constraints.sh"),
        (replaced('kind="Optional"', 'kind="Mandatory"'), "demote order", WRONG,
         "must have kind=Optional", "order demote pgsqld-clone then demote haproxy-clone"),
        ({"params": POOLER}, "demote order", WRONG, "pooler is set", "70-constraints.sh"),
        ({"params": POOLER, **removed("rsc_order", "order-pgsqld-clone-haproxy-clone-Optional")},
         "demote order", WRONG, "PAF does not wait for PgBouncer", "70-constraints.sh"),
        (added('<rsc_location id="cli-prefer-pgsqld-clone" rsc="pgsqld-clone" node="srv2"/>'),
         "constraints", NOTE, "has left cli-prefer-pgsqld-clone",
         "crm_resource --clear --resource pgsqld-clone"),
        # Versions
        (version("haproxy", "HAProxy version 2.8.0-fdd8154 2023/05/31"), "HAProxy", WRONG,
         "HAProxy 2.8.0 hangs", "install a later 2.8"),
        (version("haproxy", "HA-Proxy version 2.2.9-2+deb11u6 2023/12/02"), "HAProxy", WRONG,
         "2.2.9 is too old", "install 2.4 or later"),
        (version("haproxy", "no words"), "HAProxy", NOTE, "not known", ""),
        (version("pacemaker", "Pacemaker 2.0.5\nWritten by Andrew Beekhof"), "Pacemaker", WRONG,
         "2.0.5 is too old", "install 2.1"),
        (version("paf", "our $VERSION = 'v2.2.1';"), "PAF", NOTE, "2.2.1 was not run", "2.3.0"),
        # Names and clock
        ({"addresses": {"srv1": ("10.0.0.1",), "srv2": ("127.0.1.1",), "srv3": ()}}, "names", WRONG,
         "srv2 is 127.0.1.1, which no other node reaches; srv3 does not resolve", "/etc/hosts"),
        ({"addresses": Missing("the nodes are not known")}, "names", NOTE, "not known", ""),
        ({"clock": "no\n"}, "clock", NOTE, "not synchronized", "timedatectl set-ntp true"),
        ({"clock": Missing("timedatectl is not installed")}, "clock", NOTE, "not known", ""),
    ],
)  # fmt: skip
def test_what_is_found(
    changes: dict[str, Any], name: str, outcome: str, text: str, do: str
) -> None:
    assert_found(changes, name, outcome, text, do)


def test_the_time_of_pafs_monitor_is_the_one_that_vouching_waits_for() -> None:
    assert checks_operations.PAF_MONITOR == reconcile.VOUCH_AFTER
    script = (ROOT / "pcs-scripts" / "50-paf.sh").read_text()
    interval, timeout = re.findall(r"seconds (\d+)\)[^\n]*seconds (\d+)\)[^\n]*Promoted", script)[0]
    assert int(interval) + int(timeout) <= reconcile.VOUCH_AFTER
