"""`lab soak`: overlapping random faults for hours, and an oracle that reads what clients saw.

    seed -> draw -> schedule -> burst (threads: begin, wait, end) -> whole again, without help
    clients in the nodes -> logs -> history, with the table -> oracle -> violations

The oracle and its clients share no code with the agent, nor with the audits of the drills.
"""
