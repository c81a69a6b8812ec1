"""The same clients, faults and audits for every topology, side by side.

A trial is one fault on one topology. trial.py: what is its own in the course of
paf_lab/drill/runner.py.

write outage    longest time that a connecting client of a node that lived was without an
                acknowledged write
absence         time for which PostgreSQL itself took no write in the same run: from the last commit
                to the moment at which a primary is out of recovery
failed          new connections that were refused, failed, or were lost before their answer
misrouted       writes that reached a standby
sum of gaps     all times of 0.5 s and more that the client that was worst off was without an answer
sessions lost   established sessions that ended with an error
load, CPU busy  load average per core before the event; share of all cores that was in use during
                the absence
agreement       from the new primary's end of recovery until the last HAProxy had it up, and alone
"""
