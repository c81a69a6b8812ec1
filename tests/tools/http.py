"""Pages of HAProxy's HTTP ports."""

from __future__ import annotations

import base64
import http.client
import ssl
from typing import Any

from tests.tools.node import STATS, Node


def page(
    node: Node, path: str, port: int = STATS, auth: str = "", tls: ssl.SSLContext | None = None
) -> tuple[int, str]:
    """Returns the status and the text."""
    headers = {"Authorization": "Basic " + base64.b64encode(auth.encode()).decode()}
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    more: dict[str, Any] = {"context": tls} if tls else {}
    connection = kind(node.address, port, timeout=5, **more)
    try:
        connection.request("GET", path, headers=headers if auth else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
