"""What `lab drill drivers` found, as the table of docs/drills/drivers.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PACKAGES = (
    "libpostgresql-jdbc-java", "python3-psycopg", "golang-github-jackc-pgx-v4-dev", "node-pg",
    "postgresql-15", "pgbouncer", "haproxy",
)  # fmt: skip
MOST_TEXTS = 3  # of one driver in one event


def page(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the template shows. report: as `lab drill drivers --json` writes it."""
    events = report["events"]
    tested = together(events)
    versions = report["versions"]
    waits = report["gives_up_after"]
    return {
        "date": report["date"],
        "commit": report["commit"],
        "versions": {name: versions[name] for name in PACKAGES if name in versions},
        "events": [each["event"] for each in events],
        "sessions": events[0]["rows"][0]["sessions"],
        "rows": [row(rows) for rows in tested],
        "acknowledged": sum(each["acknowledged"] for event in events for each in event["rows"]),
        "lost": sum(each["lost"] for event in events for each in event["rows"]),
        "names": {each["name"] for event in events for each in event["rows"]},
        "patience": report["patience"],
        "gives_up_after": {who: s for who, s in waits.items() if who.startswith("pgjdbc")},
        "others_give_up_after": {who: s for who, s in waits.items() if who[:6] != "pgjdbc"},
        "texts": {each["event"]: texts(each["rows"]) for each in events},
    }


def together(
    events: Sequence[Mapping[str, Any]],
) -> list[tuple[Mapping[str, Any] | None, ...]]:
    """Returns for each driver on each route its figures in each event, None if it was not in it."""
    by_event = [
        {(row["name"], row["settings"], row["route"]): row for row in each["rows"]}
        for each in events
    ]
    keys = dict.fromkeys(key for rows in by_event for key in rows)
    return [tuple(rows.get(key) for rows in by_event) for key in keys]


def row(rows: tuple[Mapping[str, Any] | None, ...]) -> dict[str, Any]:
    """Returns the cells of one driver on one route. rows: its figures in each event."""
    known = [each for each in rows if each is not None]
    return {
        **{name: known[0][name] for name in ("name", "settings", "route")},
        "at_rest": sum(each["at_rest"] for each in known),
        "cells": [
            ("not run", "") if each is None else (each["errors"], f"{each['longest']:.2f} s")
            for each in rows
        ],
    }


def texts(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the errors of each driver that had some, the most frequent first."""
    found = []
    for each in rows:
        words = (each["name"], each["settings"], each["route"])
        said = [f"{text.replace('|', '/')} ({count})" for text, count in each["texts"][:MOST_TEXTS]]
        if said:
            found.append({"who": ", ".join(word for word in words if word), "said": said})
    return found
