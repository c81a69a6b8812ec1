"""`lab drill drivers`: what the sessions of real client drivers see in a switchover, a crash and a
power-off.

    driver (data) -> application (the machine) -> attended (the drills) -> figures (pure) -> cli
"""
