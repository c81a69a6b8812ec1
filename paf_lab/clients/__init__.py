"""Programs that run inside the nodes, under the system's python3 with psycopg2, and nothing else.

Each is one file without imports of ours, so that it can be handed to any node as `python3 -c`. It
reads its settings as one line of JSON (so no password stands in a process list), prints one JSON
object a line, and ends by itself: when its time is over, on SIGTERM, or when its input is closed.
"""
