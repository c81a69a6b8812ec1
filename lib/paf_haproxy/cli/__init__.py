"""`paf-haproxy`: the command for people. It asks, and says what it found."""
