"""The kill sweep: one process is killed at another moment of each switchover.

    strike.py (a drill) -> run.perform -> table.py (pure) -> the terminal, JSON

The moments are counted from the pre-demote notification, as the agent of the victim's node logs it.
A sweep passes if every switchover met its limits: a single bad moment fails it.
"""
