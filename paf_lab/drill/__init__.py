"""Drills: a fault or a planned change, clients that write all the while, and a verdict.

    programs in the nodes -> records -> figures and audits (pure) -> verdict -> report, JSON

target.py: what is drilled. runner.py: the course from a whole cluster to the evidence, which trials
of the comparison take, too. run.py: what is a drill's own in it.

The terms of a verdict:

attempt       one write or read of a client, with the connection that it needed, if it needed one.
new           an attempt that opened a connection of its own: every attempt of the clients
              `connecting` and `reader`; of the client `session` only its reconnects.
ack           answered; a write is committed.
refused       no session came about: the connection was refused, reset or closed, PostgreSQL ended
              it with a FATAL, or it was still held when the client's patience (40 s) was over.
failed        the session came about, and the statement ended with an error: nothing was written.
unknown       the statement was sent, and the session ended before the answer: the row may be
              there or not. On a session that stood before, a planned switchover does this once to
              each session; on a new one it counts as a connection that was lost.
misrouted     a write that reached a server in recovery (SQLSTATE 25006), or a read that a primary
              answered.
held          an attempt that was acknowledged, but only after a quarter of a second or more.
lost row      a write that was acknowledged and is not in the table afterwards.
write outage  of one client: from the end of its last write acknowledged by the old primary to
              the end of its first one acknowledged by the new.
absence       of PostgreSQL itself: from the last commit on the old primary, as it noted it
              (track_commit_timestamp; else the end of the last write that it acknowledged) to the
              first moment at which the new one, asked over its Unix socket, was not in recovery.
PAF's         switchover: from Pacemaker's order to demote PostgreSQL to that first moment.
route delay   of one node: from that first moment to the one at which the HAProxy of that node had
              the new primary ready and up in prod.
excused       a client of a node that is down: from when the node leaves until the client's first
              answer after HAProxy of the node is back. What it sees then counts for nothing.
unserved      of one client: the sum of its gaps of half a second or more between two answers, from
              the event on, while it is not excused.
witness       what shows that the fault really took place: what the observers saw, boots and
              processes before and after, what the drill read back on a node. Not that a command
              was sent.
control       a drill without its injection (`--control`): its verdict must fail by its witness.
open loop     requests that begin at a fixed rate (`--open-loop RATE`), whether earlier ones were
              answered or not; each counts from when it was due (latency.py).
sweep         one process is killed in many switchovers, each time later after the pre-demote
              notification (`lab drill sweep`). The longest time in which no client at all got a
              write acknowledged counts as the time without a primary.
stall         of one client: the longest time between the ends of two consecutive acks.
"""
