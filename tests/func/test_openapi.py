"""Port 8008 against its OpenAPI description, with requests that schemathesis makes up."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

from tests.tools.node import REST, Cluster
from tests.tools.openapi import answers, description

schema = schemathesis.openapi.from_dict(description())
# The test's fixtures are made once for all requests of a path: they change nothing.
MANY = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WANTED: Any = CHECKS.get_by_names(
    ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


@pytest.fixture(params=["srv1", "srv2"], ids=["primary", "standby"])
def url(steady: Cluster, request: pytest.FixtureRequest) -> str:
    node = steady.srv1 if request.param == "srv1" else steady.srv2
    return f"http://{node.address}:{REST}"


@schema.parametrize()
@MANY
def test_every_path(url: str, case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(base_url=url, checks=WANTED)


@pytest.mark.parametrize(
    ("path", "responses"),
    [
        ("/config", answers((200,))),
        ("/metrics", answers((200,), media="application/json")),
        ("/history", answers((200,), {"type": "object"})),
    ],
    ids=["status", "content type", "body"],
)
def test_a_wrong_description_is_found(url: str, path: str, responses: dict[str, Any]) -> None:
    wrong = description()
    wrong["paths"] = {path: {"get": {"responses": responses}}}
    case = schemathesis.openapi.from_dict(wrong)[path]["GET"].Case()
    with pytest.raises(FailureGroup):
        case.call_and_validate(base_url=url, checks=WANTED)
