"""The OCF resource agent ocf:paf:haproxy.

Hot path: a notify imports main, context, view, rolefile, routing, runtime, log, ocf, paf_notify,
apply, actions and actions/notify, and of the standard library only os, sys, select, stat, syslog,
time and _socket. Everything else (psycopg2, jinja2, subprocess, ...) is imported by the actions
that need it.
tests/unit/test_imports.py holds us to it.
"""

__version__ = "0.1.0"
