"""The dashboard and the alerts: Prometheus's own tool takes them, and they name what is there."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.tools import ROOT
from tests.tools.http import page
from tests.tools.node import Cluster

MONITORING = ROOT / "docs" / "monitoring"
OTHERS = {"up"}  # Prometheus's own


def promtool(*words: str, say: str = "") -> str:
    done = subprocess.run(
        ["promtool", *words], cwd=MONITORING, input=say, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")
    assert "11 rules found" in promtool("check", "rules", "alerts.yml")


def test_the_alerts_fire() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


@pytest.mark.parametrize("path", ["/metrics/paf", "/metrics"])
def test_the_format(steady: Cluster, path: str) -> None:
    """promtool's linter has opinions on HAProxy's own names; only ours are ours to change."""
    text = page(steady.srv1, path)[1]
    assert text.endswith("\n")
    if path == "/metrics/paf":
        assert promtool("check", "metrics", say=text) == ""


def names(text: str) -> set[str]:
    return set(re.findall(r"\b(?:paf_haproxy|haproxy)_[a-z_]+", text))


def test_every_metric_that_is_named_is_there(steady: Cluster) -> None:
    dashboard = json.loads((MONITORING / "grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 5
    wanted = names(" ".join(expressions)) | names((MONITORING / "alerts.yml").read_text())
    node = steady.srv1
    there = names(page(node, "/metrics")[1] + page(node, "/metrics/paf")[1])
    assert wanted - there - OTHERS == set()
    assert {"paf_haproxy_role", "haproxy_backend_active_servers"} <= wanted
