"""`lab drill blast`: which nodes a single mistake or local fault affects.

    rows (data) -> scene (does it, undoes it) -> clients on every node -> judge (pure) -> table

The terms of the table:

victim     the node on which the fault is, if it is local, and on which HAProxy is killed, stopped,
           started and reloaded while the fault is present.
phase      a part of a row. In the phases `kill` and `restart` HAProxy is away on the victim on
           purpose: connections that fail there do not count, but HAProxy must be back in time.
lost       a node lost service if a connection of its clients failed, outside those phases on the
           victim; or if its clients got no answer for some seconds.
"""
