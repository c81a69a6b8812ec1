"""Lines that programs in the nodes print, as records; and records as events."""

from __future__ import annotations

import json

from paf_lab.drill.records import (
    Attempt,
    LogLine,
    RoleSeen,
    ServersSeen,
    Usage,
    gather,
    read,
)
from paf_lab.drill.timeline import Event, Narrator, merged
from tests.unit.drill_world import ADDRESSES, attempt, states

ACK = {
    "kind": "connecting", "node": "srv1", "sequence": 3, "new": True, "start": 1.0,
    "session": 1.01, "server": "10.0.0.1", "in_recovery": False, "timeline": "00000001",
    "outcome": "ack", "end": 1.02,
}  # fmt: skip


def test_an_attempt() -> None:
    record = read(json.dumps(ACK), "srv1")
    assert isinstance(record, Attempt)
    assert (record.client, record.writes, record.error) == ("srv1/connecting", True, None)


def test_a_refused_attempt() -> None:
    fields = {"kind": "reader", "node": "srv1", "sequence": 1, "new": True, "start": 1.0}
    fields |= {"session": None, "outcome": "refused", "sqlstate": None, "error": "no", "end": 2.0}
    record = read(json.dumps(fields), "srv1")
    assert isinstance(record, Attempt)
    assert not record.writes


def test_what_the_watchers_see() -> None:
    role = {"kind": "role", "node": "srv2", "at": 2.0, "before": 1.0, "role": "primary"}
    assert read(json.dumps(role), "srv2") == RoleSeen("srv2", 2.0, 1.0, "primary")
    servers = {"kind": "servers", "node": "srv2", "at": 2.0, "before": None, "states": None}
    assert read(json.dumps(servers), "srv2") == ServersSeen("srv2", 2.0, None, None)
    usage = {"kind": "usage", "node": "srv2", "cpu": 0.5, "elapsed": 10.0}
    assert read(json.dumps(usage), "srv2") == Usage("srv2", 0.5, 10.0)


def test_a_line_of_the_journal() -> None:
    line = {
        "__REALTIME_TIMESTAMP": "2000000",
        "_SOURCE_REALTIME_TIMESTAMP": "1500000",
        "SYSLOG_IDENTIFIER": "paf-haproxy",
        "MESSAGE": "pre-demote: primary srv1 leaving",
    }
    record = read(json.dumps(line), "srv3")
    assert record == LogLine("srv3", 1.5, "paf-haproxy", "pre-demote: primary srv1 leaving")
    line["MESSAGE"] = [104, 105, 255]  # type: ignore[assignment]
    del line["_SOURCE_REALTIME_TIMESTAMP"]
    assert read(json.dumps(line), "srv3") == LogLine("srv3", 2.0, "paf-haproxy", "hi\ufffd")


def test_a_line_that_is_cut_off_is_nothing() -> None:
    assert read(json.dumps(ACK)[:40], "srv1") is None
    assert read("", "srv1") is None


def test_of_two_records_of_one_attempt_the_first_counts() -> None:
    done = attempt("srv1/session", 5, 10.0)
    pending = attempt("srv1/session", 5, 10.0, outcome="unknown")
    other = attempt("srv1/session", 4, 9.0)
    assert gather([done, pending, other]).attempts == (other, done)


def test_records_are_sorted() -> None:
    late, early = RoleSeen("srv1", 2.0, None, "down"), RoleSeen("srv2", 1.0, None, "primary")
    assert gather([late, Usage("srv1", 1, 1), early]).roles == (early, late)


def told(*records: object) -> list[str]:
    narrator = Narrator(ADDRESSES)
    return [event.text for record in records for event in narrator.tell(record)]  # type: ignore[arg-type]


def test_roles_are_told_with_what_they_were() -> None:
    first, then = RoleSeen("srv1", 1, None, "primary"), RoleSeen("srv1", 2, 1, "down")
    assert told(first, then) == ["primary", "down, was primary"]


def test_of_haproxy_only_what_changed_is_told() -> None:
    start = ServersSeen("srv1", 1, None, states("srv1"))
    drained = ServersSeen("srv1", 2, 1, states("srv1") | {"prod/srv1": "drain up"})
    gone = ServersSeen("srv1", 3, 2, None)
    lines = told(start, drained, gone, start)
    assert lines[1:3] == ["prod/srv1 drain up", "does not answer"]
    assert lines[0] == lines[3] == "prod/srv1 ready up, prod/srv2 maint down, prod/srv3 maint down"


def test_clients_are_told_of_when_something_changes_for_them() -> None:
    old, new = ADDRESSES["srv1"], ADDRESSES["srv2"]
    lines = told(
        attempt("srv3/connecting", 1, 1000.0, server=old),
        attempt("srv3/connecting", 2, 1000.1, server=old),
        attempt("srv3/connecting", 3, 1000.2, server=new, end=1002.2),
        attempt("srv3/connecting", 4, 1002.3, server=new),
    )
    assert lines == [
        "connecting #3 waits",
        "connecting #3 served by srv2, after 2.000 s",
    ]


def test_failures_are_told_once_and_counted() -> None:
    bad = {"outcome": "refused", "error": "Connection refused"}
    lines = told(
        attempt("srv3/connecting", 1, 1000.0),
        attempt("srv3/connecting", 2, 1000.1, **bad),
        attempt("srv3/connecting", 3, 1000.2, **bad),
        attempt("srv3/connecting", 4, 1000.3),
    )
    assert lines == [
        "connecting #2 refused: Connection refused",
        "connecting #4 served by srv1, after 2 that were not",
    ]


def test_a_reader_going_from_standby_to_standby_is_no_news() -> None:
    one, two = {"server": ADDRESSES["srv2"]}, {"server": ADDRESSES["srv3"]}
    assert told(attempt("srv1/reader", 1, 1, **one), attempt("srv1/reader", 2, 2, **two)) == []


def test_of_pacemaker_only_actions_are_told() -> None:
    def line(text: str) -> LogLine:
        return LogLine("srv1", 1, "pacemaker-controld", text)

    promote = " notice: Initiating promote operation pgsqld_promote_0 on srv2"
    assert told(line(promote), line(" notice: Initiating notify operation x on srv2")) == [
        "Initiating promote operation pgsqld_promote_0 on srv2"
    ]


def test_the_timeline_is_in_order_and_without_doubles() -> None:
    a, b = Event(2.0, "srv1", "drill", "a"), Event(1.0, "srv2", "drill", "b")
    out = Event(9.0, "srv1", "drill", "out")
    assert merged([a, b, a, out], 1.0, 5.0) == [b, a]
