"""The command line: what a person types, and nothing that another module could do."""

from streams.cli.main import main

__all__ = ["main"]
