"""`python3 -m paf_lab`."""

from .cli import main

main()
