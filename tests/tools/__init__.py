"""What several tests share."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
LIB = ROOT / "lib"
AGENT = ROOT / "agents" / "haproxy"
TEMPLATE = ROOT / "haproxy" / "haproxy.cfg.j2"
