"""Worlds, measured through the real core: what a label says must be seen in the census."""
