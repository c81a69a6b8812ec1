"""The status codes that tests/func expects of port 8008 are those of Patroni's own handler."""

from __future__ import annotations

import pytest

from tests.tools import patroni_api as api
from tests.tools.rest_paths import CHECKS, DOCUMENTS


@pytest.mark.parametrize(("path", "primary", "standby"), CHECKS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_health_checks(method: str, path: str, primary: int, standby: int) -> None:
    assert api.status(api.State(leads=True), method, path) == primary
    assert api.status(api.State(leads=False), method, path) == standby


@pytest.mark.parametrize(("path", "primary", "standby"), DOCUMENTS)
def test_documents(path: str, primary: int, standby: int) -> None:
    assert api.status(api.State(leads=True), "GET", path) == primary
    assert api.status(api.State(leads=False), "GET", path) == standby
    for method in ("HEAD", "OPTIONS"):
        for leads in (True, False):
            assert api.status(api.State(leads), method, path) == 503
