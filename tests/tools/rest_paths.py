"""Paths of Patroni's REST API, and the status of a primary and of an asynchronous standby that
streams and lags by nothing. tests/unit asks Patroni itself for them, tests/func our port 8008.
"""

from __future__ import annotations

PATRONI = "4.1.5"
"""The version of Patroni that is asked (pyproject.toml)."""
CHECKS = [
    ("/", 200, 503),
    ("/primary", 200, 503),
    ("/primary/", 200, 503),
    ("/master", 200, 503),
    ("/leader", 200, 503),
    ("/read-write", 200, 503),
    ("/standby_leader", 503, 503),
    ("/standby-leader", 503, 503),
    ("/replica", 503, 200),
    ("/replica/", 503, 200),
    ("/read-only", 200, 200),
    ("/async", 503, 200),
    ("/asynchronous", 503, 200),
    ("/async/", 503, 503),
    ("/sync", 503, 503),
    ("/synchronous", 503, 503),
    ("/read-only-sync", 200, 503),
    ("/read-only-synchronous", 200, 503),
    ("/quorum", 503, 503),
    ("/read-only-quorum", 200, 503),
    ("/health", 200, 200),
    ("/healthz", 200, 200),
    ("/nonsense", 503, 503),
    ("/replica?lag=10MB", 503, 200),
    ("/replica?lag=1.5GB", 503, 200),
    ("/replica?lag=0x400MB", 503, 200),
    ("/replica?lag=%201%20TB", 503, 200),
    ("/replica?lag=nonsense", 503, 200),
    ("/replica?lag=", 503, 200),
    ("/replica?lag=-1", 503, 503),
    ("/replica?lag=1GB&lag=-1", 503, 200),
    ("/replica?tag_site=east", 503, 503),
    ("/replica?tag_site=", 503, 200),
    ("/primary?tag_site=east", 200, 503),
    ("/health?tag_site=east", 503, 503),
    ("/read-only?tag%5Fsite=east", 503, 503),
    ("/replica?unknown=1", 503, 200),
]
"""Health checks: the same for GET, HEAD and OPTIONS."""
OURS = [
    ("/standby", 503, 200),
    ("/replica?replication_state=streaming", 503, 200),
    ("/replica?replication_state=starting", 503, 503),
]
"""What Patroni 4.1.5 does not have."""
DOCUMENTS = [
    ("/liveness", 200, 200),
    ("/liveness/", 200, 200),
    ("/readiness", 200, 200),
    ("/readiness?mode=write", 200, 200),
    ("/readiness?mode=apply&lag=1MB", 200, 200),
    ("/readiness?lag=-1", 200, 503),
    ("/patroni", 200, 200),
    ("//patroni", 200, 200),
    ("/cluster", 200, 200),
    ("/cluster/more", 200, 200),
    ("/history", 200, 200),
    ("/metrics", 200, 200),
    ("/config", 502, 502),
    ("/failsafe", 502, 502),
]
"""For GET. For HEAD and OPTIONS they are health checks that fail."""
