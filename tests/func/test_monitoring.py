"""The dashboard and the alerts: Prometheus's own tool takes them, and they name what is there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.tools import ROOT
from tests.tools.http import page
from tests.tools.node import Cluster

MONITORING = ROOT / "docs" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
OTHERS = {"up"}  # Prometheus's own
# What an expression of PromQL has beside its metrics.
LABELS = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right) *\([^)]*\)"
)
NO_METRIC = re.compile(r"\b(?:and|or|unless|bool|offset)\b|\b\d\w*|[a-z_]+ *(?=\()")


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


def metrics(expression: str) -> set[str]:
    """Returns what an expression asks for, whatever it is called."""
    return set(re.findall(r"[a-zA-Z_:]\w*", NO_METRIC.sub(" ", LABELS.sub("", expression))))


def unknown_keys(mine: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yields what differs from what Grafana's own types have made of it."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key, value in mine.items():
            yield from unknown_keys(value, theirs.get(key), f"{path}/{key}")
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for number, (one, other) in enumerate(zip(mine, theirs)):
            yield from unknown_keys(one, other, f"{path}/{number}")
    elif mine != theirs:
        yield path


def through_grafanas_types(dashboard: Any) -> Any:
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def test_grafana_knows_every_key_of_the_dashboard() -> None:
    """Its types leave out what they do not know."""
    assert list(unknown_keys(DASHBOARD, through_grafanas_types(DASHBOARD))) == []
    wrong = json.loads(json.dumps(DASHBOARD))
    wrong["panels"][0]["fieldConfig"]["defaults"]["units"] = "short"
    wrong["panels"][1]["targets"][0]["legendformat"] = "{{instance}}"
    found = list(unknown_keys(wrong, through_grafanas_types(wrong)))
    assert found == ["/panels/0/fieldConfig/defaults/units", "/panels/1/targets/0/legendformat"]


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        xs, ys = (
            range(place["x"], place["x"] + place["w"]),
            range(place["y"], place["y"] + place["h"]),
        )
        mine = {(x, y) for x in xs for y in ys}
        assert max(xs) < 24 and not taken & mine, panel["title"]
        taken |= mine
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_parses_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(EXPRESSIONS)]
    file = tmp_path / "rules.json"  # which is YAML too
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(EXPRESSIONS)} rules found" in promtool("check", "rules", str(file))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('rate(a_total{b="c"}[5m]) / on (d) group_left (e) f', {"a_total", "f"}),
        ("max by (g) (h offset 1h) > bool 2 and i", {"h", "i"}),
    ],
)
def test_the_metrics_of_an_expression(expression: str, expected: set[str]) -> None:
    assert metrics(expression) == expected


def test_every_metric_that_is_named_is_there(steady: Cluster) -> None:
    assert len(EXPRESSIONS) > 5
    wanted = {name for each in EXPRESSIONS for name in metrics(each)}
    wanted |= names((MONITORING / "alerts.yml").read_text())
    node = steady.srv1
    there = names(page(node, "/metrics")[1] + page(node, "/metrics/paf")[1])
    assert wanted - there - OTHERS == set()
    assert {"paf_haproxy_role", "haproxy_backend_active_servers"} <= wanted
