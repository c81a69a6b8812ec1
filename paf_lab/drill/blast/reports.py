"""Where a fault is reported."""

from __future__ import annotations

import re

from ...machine import Machine
from .row import CHANNELS, CRM_MON, LOG, METRIC, STATUS

METRICS = """
import ssl, urllib.request
context = ssl._create_unverified_context()
for path in "7000/metrics", "7000/metrics/paf":
    for scheme in "http", "https":
        try:
            url = f"{scheme}://127.0.0.1:{path}"
            print(urllib.request.urlopen(url, timeout=3, context=context).read().decode())
            break
        except OSError:
            pass
"""
SUSPECT = re.compile(r"^paf_haproxy\w*(reject|unknown|invalid)\w*(\{[^}]*\})? +[1-9].*", re.M)


def find(there: Machine, since: float, pattern: str) -> dict[str, str]:
    """Returns the first line of each channel that reports the fault; none without a pattern."""
    names = ("-t", "paf-haproxy", "-t", "haproxy")
    asked = {
        STATUS: there.run("paf-haproxy", "status", check=False).stdout,
        METRIC: there.run("python3", "-c", METRICS, check=False).stdout,
        LOG: there.run(
            "journalctl", "-q", "--no-pager", "-o", "cat", f"--since=@{since:.0f}", *names,
            check=False,
        ).stdout,
        CRM_MON: there.run("crm_mon", "-1A", check=False).stdout,
    }  # fmt: skip
    found: dict[str, str] = {}
    for channel in CHANNELS if pattern else ():
        if channel == METRIC:
            match = SUSPECT.search(asked[channel])
            line = match[0] if match else ""
        else:
            line = matching(asked[channel], pattern)
        if line:
            found[channel] = line
    return found


def matching(text: str, pattern: str) -> str:
    """Returns the first line that the pattern matches, or ''."""
    lines = (line.strip() for line in text.splitlines())
    return next((line[:300] for line in lines if re.search(pattern, line, re.I)), "")
