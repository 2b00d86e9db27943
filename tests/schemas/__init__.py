"""The wire format: what is accepted, what is refused, and that every description of it agrees."""
