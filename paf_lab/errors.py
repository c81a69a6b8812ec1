"""The one exception that ends a lab command."""


class LabError(Exception):
    """One line for people: what was wrong and what to do."""
