"""There is one version: that of the agent's package. All other places have the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from paf_haproxy import __version__

from paf_lab.layout import REPO


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("debian/changelog", r"^paf-haproxy \((.+?)\)"),
        ("rpm/paf-haproxy.spec", r"^Version: +(\S+)$"),
        ("README.md", r"paf-haproxy_([0-9.]+)_all\.deb"),
        ("docs/operations.md", r"paf-haproxy_([0-9.]+)_all\.deb"),
        ("docs/failures/configuration.md", r"paf-haproxy_([0-9.]+)_all\.deb"),
        ("docs/parameters.md", r"metadata, version ([0-9.]+)\. "),
    ],
)
def test_the_version(file: str, pattern: str) -> None:
    found = re.findall(pattern, Path(REPO, file).read_text(), re.MULTILINE)
    assert found and set(found[:1] if file == "debian/changelog" else found) == {__version__}
