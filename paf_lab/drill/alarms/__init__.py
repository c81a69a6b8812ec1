"""`lab drill false-alarms`: which events the agent reports to Pacemaker as a crash of PostgreSQL.

    rows (data) -> perform (does it, counts the reports, undoes it) -> table

No row but `crash` and `crash-twice` may cause a report. These two show that the others can fail.
"""
