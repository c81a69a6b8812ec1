"""The lab: three PostgreSQL nodes and a log sink on one machine, for drills."""
