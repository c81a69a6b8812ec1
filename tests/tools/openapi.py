"""Port 8008 as an OpenAPI description: paths, parameters, status codes, bodies (docs/rest.md)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CHECKS = (
    "/", "/primary", "/leader", "/read-write", "/standby-leader", "/replica", "/standby",
    "/read-only", "/async", "/sync", "/read-only-sync", "/quorum", "/health",
)  # fmt: skip
"""Health checks: 200 or 503, and a member's status as the body of GET."""
TEXT: Json = {"type": "string"}
PARAMETERS: list[Json] = [
    {"name": name, "in": "query", "schema": TEXT}
    for name in ("lag", "tag_site", "replication_state")
]
MODES: Json = {"name": "mode", "in": "query", "schema": {"enum": ["apply", "write"]}}
MEMBER: Json = {
    "type": "object",
    "required": ["state", "role", "patroni"],
    "properties": {
        "state": TEXT,
        "role": {"enum": ["primary", "replica", "unknown"]},
        "server_version": {"type": "integer"},
        "xlog": {"type": "object"},
        "timeline": {"type": "integer"},
        "patroni": {
            "type": "object",
            "required": ["version", "scope", "name"],
            "properties": {"version": TEXT, "scope": TEXT, "name": TEXT},
        },
    },
}
CLUSTER: Json = {
    "type": "object",
    "required": ["members", "scope"],
    "properties": {
        "members": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "required": ["name", "role", "host", "port"],
                "properties": {"name": TEXT, "host": TEXT, "port": {"type": "integer"}},
            },
        },
        "scope": TEXT,
    },
}
HISTORY: Json = {"type": "array", "items": {"type": "array", "minItems": 3}}


def answers(codes: tuple[int, ...], schema: Json | None = None, media: str = "") -> Json:
    """Returns the description of answers with these status codes. schema: of a body in JSON."""
    content: Json = {media: {}} if media else {}
    if schema is not None:
        content = {"application/json": {"schema": schema}}
    return {str(code): {"description": "", "content": content} for code in codes}


def path(responses: Json, parameters: list[Json], others: tuple[str, ...] = ()) -> Json:
    """Returns the description of a path. others: methods besides GET, which answer without a
    body.
    """
    empty = {code: {"description": ""} for code in responses}
    found: Json = {"get": {"parameters": parameters, "responses": responses}}
    found.update({each: {"parameters": parameters, "responses": empty} for each in others})
    return found


def description() -> Json:
    """Returns the whole as OpenAPI 3.0."""
    check = answers((200, 503), MEMBER)
    paths = {each: path(check, PARAMETERS, ("head", "options")) for each in CHECKS}
    paths["/patroni"] = path(answers((200,), MEMBER), [])
    paths["/cluster"] = path(answers((200,), CLUSTER), [])
    paths["/history"] = path(answers((200,), HISTORY), [])
    paths["/liveness"] = path(answers((200, 503)), [])
    paths["/readiness"] = path(answers((200, 503)), [MODES, PARAMETERS[0]])
    paths["/metrics"] = path(answers((200,), media="text/plain"), [])
    paths["/config"] = path(answers((502,)), [])
    info = {"title": "The role over HTTP", "version": "4.1.5"}
    return {"openapi": "3.0.3", "info": info, "paths": paths}
