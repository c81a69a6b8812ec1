"""How the local PostgreSQL stands before a planned switchover, and its checkpoint."""

from __future__ import annotations

import time

from . import postgres

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import psycopg2

    from .params import Params

ROLE = "SELECT pg_catalog.pg_is_in_recovery()"
PRIMARY = """\
SELECT pg_catalog.json_build_object(
    'timeline', ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(
        pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer,
    'segment', (SELECT pg_catalog.json_build_object(
            'name', pg_catalog.substr(file_name, 9),
            'used', pg_catalog.round(100.0 * file_offset / pg_catalog.pg_size_bytes(
                pg_catalog.current_setting('wal_segment_size'))))
        FROM pg_catalog.pg_walfile_name_offset(pg_catalog.pg_current_wal_insert_lsn())),
    'standbys', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
            'name', application_name, 'state', state, 'sync', sync_state,
            'flush', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), flush_lsn),
            'replay', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn))),
            '[]')
        FROM pg_catalog.pg_stat_replication),
    'transactions', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
            'pid', pid, 'user', usename,
            'seconds', pg_catalog.round(extract(epoch FROM now() - xact_start)))),
            '[]')
        FROM (SELECT * FROM pg_catalog.pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
                AND xact_start < now() - interval '1 s'
            ORDER BY xact_start LIMIT 5) AS oldest),
    'prepared', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts),
    'archive', (SELECT pg_catalog.json_build_object(
            'mode', pg_catalog.current_setting('archive_mode'),
            'failing', last_failed_time > coalesce(last_archived_time, '-infinity'),
            'ready', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_ls_archive_statusdir()
                WHERE name LIKE '%.ready'))
        FROM pg_catalog.pg_stat_archiver),
    'slots', (SELECT coalesce(pg_catalog.json_agg(slot_name), '[]')
        FROM pg_catalog.pg_replication_slots WHERE NOT temporary))
"""
STANDBY = """\
SELECT pg_catalog.json_build_object(
    'timeline', (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver),
    'paused', pg_catalog.pg_is_wal_replay_paused(),
    'unused', (SELECT coalesce(pg_catalog.max(pg_catalog.substr(name, 9)), '')
        FROM pg_catalog.pg_ls_waldir()
        WHERE name ~ '^[0-9A-F]{24}$' AND pg_catalog.pg_read_binary_file(
            pg_catalog.concat('pg_wal/', name), 32, 4, true) = '\\x00000000'),
    'replay', pg_catalog.pg_wal_lsn_diff(
        pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()))
"""
SEGMENT = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())"
NEXT = """\
SELECT pg_catalog.pg_logical_emit_message(false, 'paf-haproxy', '');
SELECT pg_catalog.pg_switch_wal()"""
MOST_SEGMENTS = 64  # that are filled; 1 GB at the usual size


def look(params: Params) -> dict[str, Any]:
    """Returns what a switchover depends on; `recovery` tells which of the two it is.

    Raises AgentError if PostgreSQL cannot be asked.
    """
    with postgres.session(params) as cursor:
        recovery = _ask(cursor, ROLE)
        return {"recovery": recovery, **_ask(cursor, STANDBY if recovery else PRIMARY)}


def checkpoint(params: Params) -> float:
    """Runs CHECKPOINT, which has no time limit. Returns how long it took, in s.

    The shutdown of the primary, and the restart of the candidate after a failure, have less left
    to write then. Raises AgentError if PostgreSQL refuses.
    """
    began = time.monotonic()
    with postgres.session(params, "-c statement_timeout=0") as cursor:
        cursor.execute("CHECKPOINT")
    return time.monotonic() - began


def fill(params: Params, last: str) -> int:
    """Writes WAL on the primary until the segment `last` is behind: its name without the timeline,
    e.g. '000000000000000A'. Returns how many segments it filled.

    A segment that was made early and never used is all zeros. If the candidate's pg_wal lists such
    a one first, pg_waldump fails, and PAF calls the switchover off ("Did not receive the shutdown
    checkpoint"). Raises AgentError if PostgreSQL refuses.
    """
    with postgres.session(params) as cursor:
        for number in range(MOST_SEGMENTS):
            if str(_ask(cursor, SEGMENT))[8:] > last:
                return number
            cursor.execute(NEXT)
    return MOST_SEGMENTS


def _ask(cursor: psycopg2.extensions.cursor, question: str) -> Any:
    cursor.execute(question)
    row = cursor.fetchone()
    return row[0] if row else None
