"""Rows: a mistake in what all nodes share."""

from __future__ import annotations

from .row import CLUSTER, LOG, PRIMARY, STANDBY, STATUS, Row


def sql(name: str, text: str, do: str, undo: str, report: str, where: str = STANDBY) -> Row:
    """Returns the row of a statement. report: '' if nothing is wrong afterwards."""
    told = (STATUS, LOG) if report else ()
    return Row(
        name=name,
        text=text,
        kind=CLUSTER,
        report=report,
        sql=do,
        unsql=undo,
        where=where,
        told=told,
    )


ROWS = (
    sql("revoke-connect", "`REVOKE CONNECT ON DATABASE postgres FROM PUBLIC`",
        "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres TO PUBLIC", "42501|GRANT CONNECT", PRIMARY),
    sql("drop-role", "`DROP ROLE haproxy`",
        "DROP OWNED BY haproxy; DROP ROLE haproxy",
        "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'haproxy') THEN"
        " CREATE ROLE haproxy LOGIN; GRANT pg_read_all_stats TO haproxy; END IF; END$$",
        "28000|28P01|CREATE ROLE|does not exist"),
    sql("role-nologin", "`ALTER ROLE haproxy NOLOGIN`",
        "ALTER ROLE haproxy NOLOGIN", "ALTER ROLE haproxy LOGIN",
        "28000|NOLOGIN|not permitted to log in|ALTER ROLE", PRIMARY),
    sql("role-limit", "`ALTER ROLE haproxy CONNECTION LIMIT 0`: as if all slots were taken",
        "ALTER ROLE haproxy CONNECTION LIMIT 0", "ALTER ROLE haproxy CONNECTION LIMIT -1",
        "53300|CONNECTION LIMIT|too many"),
    sql("role-timeout", "`ALTER ROLE haproxy SET statement_timeout = '1ms'` and isolation",
        "ALTER ROLE haproxy SET statement_timeout = '1ms';"
        " ALTER ROLE haproxy SET default_transaction_isolation = serializable",
        "ALTER ROLE haproxy RESET ALL", "", PRIMARY),
)  # fmt: skip
