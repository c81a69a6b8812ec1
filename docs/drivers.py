"""What `lab drill drivers` found, as the table of docs/drills/drivers.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PACKAGES = ("libpostgresql-jdbc-java", "python3-psycopg", "postgresql-15", "pgbouncer", "haproxy")
MOST_TEXTS = 3  # of one driver in one event


def page(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the template shows. report: as `lab drill drivers --json` writes it."""
    events = report["events"]
    together = list(zip(*(each["rows"] for each in events)))
    return {
        "date": report["date"],
        "commit": report["commit"],
        "versions": {name: report["versions"][name] for name in PACKAGES},
        "events": [each["event"] for each in events],
        "sessions": together[0][0]["sessions"],
        "rows": [row(rows) for rows in together],
        "acknowledged": sum(each["acknowledged"] for rows in together for each in rows),
        "lost": sum(each["lost"] for rows in together for each in rows),
        "patience": report["patience"],
        "gives_up_after": report["gives_up_after"],
        "texts": {each["event"]: texts(each["rows"]) for each in events},
    }


def row(rows: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """Returns the cells of one driver on one route. rows: its figures in each event."""
    first = rows[0]
    return {
        "name": first["name"],
        "settings": first["settings"],
        "route": first["route"],
        "at_rest": sum(each["at_rest"] for each in rows),
        "cells": [(each["errors"], f"{each['longest']:.2f} s") for each in rows],
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
