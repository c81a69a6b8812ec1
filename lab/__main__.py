"""`python3 -m lab`."""

from .cli import main

main()
