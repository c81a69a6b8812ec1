"""`lab drill --control`: each drill with its injection omitted.

    perform (all of a drill but `inject`) -> row (which lines of the verdict failed) -> table

A control passes if the verdict says that the fault did not take place. A drill that passes although
nothing was done to the cluster shows nothing.
"""
