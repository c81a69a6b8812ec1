"""Parts measured on their own: `lab bench`."""
