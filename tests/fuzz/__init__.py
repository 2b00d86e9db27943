"""Hostile input: valid input damaged byte by byte, and an independent judge of what is accepted."""
