"""`closeknit people`: names, and why."""

from streams.cli.people.command import people

__all__ = ["people"]
